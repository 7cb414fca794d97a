//! Each message about settings, word for word, and the shipped file against the defaults.

mod cluster;

use super::*;

/// The file that comes with Corral.
const SHIPPED: &str = include_str!("../../../runtime.toml");

/// The least that a file can say.
const APP: &str = "[apps.chat]\ngateway = \"g.wasm\"\nlogic = \"l.wasm\"\n";

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Config::parse(Path::new("runtime.toml"), text, environment)
}

/// What is said of a file, after the application that every file needs.
fn refusal(text: &str) -> String {
    parse(&format!("{APP}{text}"), &[]).unwrap_err().to_string()
}

fn refusal_of(environment: &[(&str, &str)]) -> String {
    parse(APP, environment).unwrap_err().to_string()
}

/// The shipped file with every commented setting in force: they are written without a space, `#key = value`.
fn uncommented() -> String {
    let setting = |line: &str| {
        line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' ')).map(str::to_owned)
    };
    SHIPPED.lines().map(|line| setting(line).unwrap_or_else(|| line.into()) + "\n").collect()
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let shipped = parse(SHIPPED, &[]).unwrap();
    let mut defaults = parse(APP, &[]).unwrap();
    let chat = &shipped.apps["chat"];
    let app = defaults.apps.get_mut("chat").unwrap();
    assert_eq!(format!("{:?}", app.limits), format!("{:?}", chat.limits));
    assert_eq!(app.route, chat.route);
    // Files, grants and the components' own settings have no defaults to compare with.
    defaults.apps = shipped.apps.clone();
    assert_eq!(format!("{defaults:#?}"), format!("{shipped:#?}"));
}

#[test]
fn the_shipped_file_has_every_setting() {
    let text = uncommented();
    parse(&text, &[]).unwrap();
    let file: toml::Value = toml::from_str(&text).unwrap();
    let names = names::all();
    assert!(names.len() > 50 && names.contains(&"apps.NAME.limits.cpu".into()), "{names:#?}");
    for name in names {
        let path = name.replace("NAME", "chat");
        let found = path.split('.').try_fold(&file, |table, key| table.get(key));
        assert!(found.is_some(), "runtime.toml lacks {path}");
    }
}

#[test]
fn nothing_is_granted_that_is_not_written() {
    let config = parse(APP, &[]).unwrap();
    let grants = &config.apps["chat"].grants;
    assert!(grants.gateway.is_empty() && grants.logic.is_empty() && grants.hosts.is_empty());
}

#[test]
fn an_unknown_setting_is_refused_with_the_one_that_was_meant() {
    let rows = [
        (
            "[sessions]\nexpire_aftr = \"1h\"",
            "sessions.expire_aftr: unknown setting; did you mean sessions.expire_after?",
        ),
        (
            "[inference]\ngpu_layers = 3",
            "inference.gpu_layers: unknown setting; did you mean inference.n_gpu_layers?",
        ),
        (
            "[inference.defaults]\ntemp = 1",
            "inference.defaults.temp: unknown setting; did you mean inference.defaults.temperature?",
        ),
        (
            "[apps.chat.limits]\nmemry = 1",
            "apps.chat.limits.memry: unknown setting; did you mean apps.chat.limits.memory?",
        ),
        // The right name in the wrong section.
        ("[server]\nn_batch = 1", "server.n_batch: unknown setting; did you mean inference.n_batch?"),
        ("[sesions]\nbackend = \"embedded\"", "sesions: unknown setting; did you mean sessions?"),
        ("[log]\nxyz = 1", "log.xyz: unknown setting; known here: format, filter"),
    ];
    for (text, expected) in rows {
        assert_eq!(refusal(text), format!("runtime.toml: {expected}"));
    }
}

#[test]
fn a_wrong_value_is_refused_with_what_was_expected() {
    let rows = [
        (
            "[sessions]\nexpire_after = \"1 fortnight\"",
            "sessions.expire_after = \"1 fortnight\": expected a duration such as \"30s\", \"30m\" or \"1h\"",
        ),
        (
            "[sessions]\nexpire_after = 3600",
            "sessions.expire_after = 3600: expected a duration such as \"30s\", \"30m\" or \"1h\"",
        ),
        (
            "[server]\nlisten = \"localhost\"",
            "server.listen = \"localhost\": expected an address such as \"127.0.0.1:3000\"",
        ),
        ("[server]\nlisten = 3000", "server.listen = 3000: expected an address such as \"127.0.0.1:3000\""),
        (
            "[server]\nmax_body = \"4 apples\"",
            "server.max_body = \"4 apples\": expected a size such as \"4 MiB\"",
        ),
        ("[server]\nmax_connections = -1", "server.max_connections = -1: expected a whole number, 0 or more"),
        ("[inference]\nn_ctx = -5", "inference.n_ctx = -5: expected a whole number from 0 to 4294967295"),
        ("[inference]\nn_ctx = 1.5", "inference.n_ctx = 1.5: expected a whole number from 0 to 4294967295"),
        ("[inference]\nmodel = 7", "inference.model = 7: expected text in quotes"),
        (
            "[inference]\nbackend = \"llamacpp\"",
            "inference.backend = \"llamacpp\": expected \"llama_cpp\" or \"openai\"; did you mean \"llama_cpp\"?",
        ),
        (
            "[log]\nformat = \"jsn\"",
            "log.format = \"jsn\": expected \"pretty\" or \"json\"; did you mean \"json\"?",
        ),
        ("[log]\nformat = true", "log.format = true: expected one of its names in quotes"),
        ("[vectors]\ncollection = [\"a\"]", "vectors.collection = […]: expected text in quotes"),
        (
            "[apps.chat.grants]\nlogic = [\"sesions\"]",
            "apps.chat.grants.logic = \"sesions\": expected \"sessions\" or \"vectors\" or \"embedding\" or \"inference\" or \"config\" or \"http\"; did you mean \"sessions\"?",
        ),
        (
            "[apps.chat.grants]\nlogic = \"all\"",
            "apps.chat.grants.logic = \"all\": expected a list such as [\"a\", \"b\"]",
        ),
        (
            "[apps.chat.grants]\nhosts = [\"example.com\"]",
            "apps.chat.grants.hosts = […]: \"example.com\" has no scheme: write SCHEME://HOST[:PORT], as in \"https://example.com\"",
        ),
        ("[apps.other]\nlogic = \"l.wasm\"", "apps.other.gateway: missing; it has no default"),
    ];
    for (text, expected) in rows {
        assert_eq!(refusal(text), format!("runtime.toml: {expected}"));
    }
    let section = parse("server = 3", &[]).unwrap_err().to_string();
    assert_eq!(section, "runtime.toml: server = 3: expected a table of settings");
}

#[test]
fn a_senseless_value_is_refused_and_all_of_them_at_once() {
    let rows = [
        ("[sessions]\nexpire_after = \"10ms\"", "sessions.expire_after = \"10ms\": expected at least \"1s\""),
        ("[server]\nrequest_timeout = \"0s\"", "server.request_timeout = \"0s\": expected a time above zero"),
        (
            "[server]\nmax_headers = \"1 KiB\"",
            "server.max_headers = \"1.0 KiB\": expected at least \"8 KiB\"",
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:3000\"",
            "admin.listen = \"127.0.0.1:3000\": the same address as server.listen; the operators' listener needs its own",
        ),
        ("[inference]\nqueue = 0", "inference.queue = 0: expected at least 1"),
        (
            "[inference]\nn_gpu_layers = -2",
            "inference.n_gpu_layers = -2: expected -1 (all), 0 (none) or a number",
        ),
        (
            "[inference]\nn_ctx = 64\nparallel = 2\nn_ubatch = 64",
            "inference.n_batch = 512: more than the whole cache holds (n_ctx × parallel = 128 tokens)",
        ),
        (
            "[inference]\nn_batch = 2",
            "inference.n_batch = 2: expected at least inference.parallel, which is 4",
        ),
        (
            "[inference.defaults]\ntop_p = 1.5",
            "inference.defaults.top_p = 1.5: expected a number from 0 to 1",
        ),
        (
            "[inference.defaults]\ntemperature = nan",
            "inference.defaults.temperature = NaN: expected 0 or more",
        ),
        (
            "[apps.chat.limits]\nmemory = \"65 MiB\"",
            "apps.chat.limits.memory = \"65.0 MiB\": expected more than 0, and at most \"64 MiB\"",
        ),
        ("route = \"chat\"", "apps.chat.route = \"chat\": expected a path that starts with /"),
        (
            "[apps.second]\ngateway = \"g\"\nlogic = \"l\"",
            "apps.second.route = \"/\": application chat has this route already",
        ),
        ("[vectors]\ncollection = \" \"", "vectors.collection = \"\": expected a text that is not empty"),
        (
            "[sessions]\nbackend = \"redis\"",
            "sessions.url: missing; the redis back end needs it, such as \"redis://127.0.0.1:6379\"",
        ),
        (
            "[sessions]\nbackend = \"redis\"\nurl = \"redis://a\"\n[sessions.redis]\ntopology = \"sentinel\"",
            "sessions.redis.master: missing; it is the name that the sentinels watch",
        ),
        ("[sessions.redis]\ntimeout = \"0s\"", "sessions.redis.timeout = \"0s\": expected a time above zero"),
        (
            "[vectors]\nbackend = \"chroma\"",
            "vectors.url: missing; the chroma back end needs it, such as \"http://127.0.0.1:8000\"",
        ),
        ("[vectors.chroma]\nbatch = 0", "vectors.chroma.batch = 0: expected at least 1"),
        (
            "[inference]\nqueue = 0\nparallel = 0",
            "inference.parallel = 0: expected at least 1\nruntime.toml: inference.queue = 0: expected at least 1",
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(refusal(text), format!("runtime.toml: {expected}"));
    }
    let none = parse("", &[]).unwrap_err().to_string();
    assert_eq!(
        none,
        "runtime.toml: apps: no application; the runtime.toml that comes with Corral has [apps.chat]"
    );
}

#[test]
fn port_0_may_be_asked_for_twice() {
    parse(&format!("{APP}[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\""), &[])
        .unwrap();
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = format!("{APP}[vectors]\ncollection = \"a\"\n[inference]\nn_ctx = 512\n");
    let environment = [
        ("CORRAL_SERVER__LISTEN", "[::1]:3000"),
        ("CORRAL_VECTORS__COLLECTION", "123"),
        ("CORRAL_INFERENCE__DEFAULTS__TOP_K", "7"),
        ("CORRAL_APPS__CHAT__ROUTE", "/v2"),
        ("CORRAL_APPS__CHAT__GRANTS__GATEWAY", "[sessions, vectors]"),
        ("CORRAL_APPS__CHAT__CONFIG__RETRIEVAL_K", "9"),
        // Not ours: Kubernetes sets such names for a service called corral.
        ("CORRAL_PORT", "tcp://10.0.0.1:3000"),
    ];
    let config = parse(&text, &environment).unwrap();
    assert_eq!(config.server.listen.to_string(), "[::1]:3000");
    assert_eq!(config.vectors.collection, "123");
    assert_eq!((config.inference.n_ctx, config.inference.defaults.top_k), (512, 7));
    let app = &config.apps["chat"];
    assert_eq!((app.route.as_str(), app.grants.gateway.len()), ("/v2", 2));
    assert_eq!(app.config["retrieval_k"].as_integer(), Some(9));
}

#[test]
fn a_refused_variable_is_named() {
    let rows = [
        (
            "CORRAL_SESSIONS__EXPIRE_AFTR",
            "1h",
            "sessions.expire_aftr: unknown setting; did you mean CORRAL_SESSIONS__EXPIRE_AFTER?",
        ),
        ("CORRAL_SESION__BACKEND", "x", "sesion: unknown setting; did you mean CORRAL_SESSIONS__BACKEND?"),
        (
            "CORRAL_SESSIONS__EXPIRE_AFTER",
            "soon",
            "sessions.expire_after = \"soon\": expected a duration such as \"30s\", \"30m\" or \"1h\"",
        ),
        (
            "CORRAL_INFERENCE__N_CTX",
            "many",
            "inference.n_ctx = \"many\": expected a whole number from 0 to 4294967295",
        ),
        ("CORRAL_INFERENCE__PARALLEL", "0", "inference.parallel = 0: expected at least 1"),
        ("CORRAL_SERVER_LISTEN", "127.0.0.1:1", "did you mean CORRAL_SERVER__LISTEN?"),
        (
            "SESSION_EXPIRATION",
            "an hour",
            "\"an hour\": invalid digit found in string: expected whole seconds such as 3600",
        ),
        ("SESSION_EXPIRATION", "0", "sessions.expire_after = \"0s\": expected at least \"1s\""),
    ];
    for (name, value, expected) in rows {
        assert_eq!(refusal_of(&[(name, value)]), format!("environment variable {name}: {expected}"));
    }
}

#[test]
fn session_expiration_is_seconds_and_yields_to_the_setting_itself() {
    let seconds = |environment: &[(&str, &str)]| {
        let text = format!("{APP}[sessions]\nexpire_after = \"1m\"");
        parse(&text, environment).unwrap().sessions.expire_after.as_secs()
    };
    assert_eq!(seconds(&[]), 60);
    assert_eq!(seconds(&[("SESSION_EXPIRATION", "7200")]), 7200);
    let both = [("SESSION_EXPIRATION", "7200"), ("CORRAL_SESSIONS__EXPIRE_AFTER", "5s")];
    assert_eq!(seconds(&both), 5);
    let both = [("CORRAL_SESSIONS__EXPIRE_AFTER", "5s"), ("SESSION_EXPIRATION", "7200")];
    assert_eq!(seconds(&both), 5);
}

#[test]
fn relative_paths_are_meant_from_the_files_folder() {
    let secrets =
        "[sessions.redis]\npassword_file = \"secrets/redis\"\n[vectors.chroma]\ntoken_file = \"/run/token\"";
    let own = "[apps.chat.config]\nkey = { file = \"secrets/key\" }";
    let text = format!("{APP}{own}\n[store]\npath = \"/var/corral.db\"\n{secrets}");
    let config = Config::parse(Path::new("/etc/corral/runtime.toml"), &text, []).unwrap();
    assert_eq!(config.store.path, Path::new("/var/corral.db"));
    assert_eq!(config.wasm.cache, Path::new("/etc/corral/.corral/cache"));
    assert_eq!(config.admin.token_file, Path::new("/etc/corral/.corral/admin-token"));
    assert_eq!(config.apps["chat"].logic.as_deref(), Some(Path::new("/etc/corral/l.wasm")));
    assert_eq!(config.apps["chat"].config["key"]["file"].as_str(), Some("/etc/corral/secrets/key"));
    assert_eq!(config.sessions.redis.password_file.as_deref(), Some(Path::new("/etc/corral/secrets/redis")));
    assert_eq!(config.vectors.chroma.token_file.as_deref(), Some(Path::new("/run/token")));
}

#[test]
fn the_files_of_every_model_are_meant_from_there_too() {
    let further = "[inference.models.far]\nbackend = \"openai\"\n[inference.models.far.remote]\n\
        urls = [\"https://models\"]\nkey_file = \"secrets/key\"\nca_file = \"ca.pem\"\n";
    let config =
        Config::parse(Path::new("/etc/corral/runtime.toml"), &format!("{APP}{further}"), []).unwrap();
    let remote = &config.inference.models["far"].remote;
    assert_eq!(remote.key_file.as_deref(), Some(Path::new("/etc/corral/secrets/key")));
    assert_eq!(remote.ca_file.as_deref(), Some(Path::new("/etc/corral/ca.pem")));
}

#[test]
fn a_missing_or_malformed_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runtime.toml");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("no such file") && error.contains("--config FILE"), "{error}");
    std::fs::write(&path, "[server\nlisten = 1").unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("runtime.toml: ") && error.contains("line 1"), "{error}");
}

#[test]
fn a_token_is_not_shown() {
    let hub = Hub { endpoint: "https://hub".into(), token: Some("secret".into()) };
    assert!(!format!("{hub:?}").contains("secret"));
}

#[test]
fn stores_with_a_label_have_settings_and_a_file_of_their_own() {
    let text = format!("{APP}store = \"sales\"\n[stores.sales.vectors]\ncollection = \"sales_documents\"\n");
    let config = parse(&text, &[]).unwrap();
    let places = config.places();
    let told: Vec<_> = places.iter().map(|place| (place.table("vectors"), place.file.clone())).collect();
    let expected = [("vectors", ".corral/corral.db"), ("stores.sales.vectors", ".corral/sales.db")];
    assert_eq!(told, expected.map(|(table, file)| (table.to_owned(), PathBuf::from(file))));
    assert_eq!(places[1].vectors.collection, "sales_documents");
    assert_eq!(places[1].sessions.expire_after.as_secs(), 3600);
}

#[test]
fn stores_that_are_not_apart_are_refused() {
    let redis = "backend = \"redis\"\nurl = \"redis://a\"\n";
    let chroma = "backend = \"chroma\"\nurl = \"http://a\"\n";
    let rows = [
        (
            "[stores.b]\npath = \".corral/corral.db\"\n".to_owned(),
            Some("stores.b.sessions: not apart from [sessions]"),
        ),
        (
            format!("[sessions]\n{redis}[stores.b.sessions]\n{redis}redis.prefix = \"session:b:\"\n"),
            Some("stores.b.sessions: not apart from [sessions]"),
        ),
        (format!("[sessions]\n{redis}[stores.b.sessions]\n{redis}redis.prefix = \"b:\"\n"), None),
        (
            format!("[stores.a.vectors]\n{chroma}[stores.b.vectors]\n{chroma}"),
            Some("stores.b.vectors: not apart from [stores.a.vectors]"),
        ),
        (format!("[stores.a.vectors]\n{chroma}[stores.b.vectors]\n{chroma}collection = \"other\"\n"), None),
        ("[stores.\"a b\".sessions]\n".to_owned(), Some("stores.a b: ")),
        ("[stores.b.sessions]\nbackend = \"redis\"\n".to_owned(), Some("stores.b.sessions.url: missing")),
    ];
    for (text, refused) in rows {
        let told = parse(&format!("{APP}{text}"), &[]).map(drop).map_err(|error| error.to_string());
        match refused {
            None => assert_eq!(told, Ok(()), "{text}"),
            Some(message) => {
                assert!(told.clone().is_err_and(|told| told.contains(message)), "{text}: {told:?}")
            }
        }
    }
    let told = refusal("store = \"sale\"");
    assert_eq!(told, "runtime.toml: apps.chat.store = \"sale\": expected a label of [stores], or none");
}
