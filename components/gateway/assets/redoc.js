// Shows the interface's description in Redoc. The name is the bundle's own.
Redoc.init('openapi.json', {}, document.getElementById('redoc'));
