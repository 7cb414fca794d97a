// Shows the interface's description in Swagger UI. The names are the bundle's own.
SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  // Nothing is sent to a server of somebody else's to be checked.
  validatorUrl: null,
});
