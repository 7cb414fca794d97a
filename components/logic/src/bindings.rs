//! What the contract in `wit/` becomes in Rust. Generated; nothing is written here by hand.

wit_bindgen::generate!({
    path: [
        "wit/deps/io", "wit/deps/clocks", "wit/deps/random", "wit/deps/filesystem", "wit/deps/sockets", "wit/deps/cli",
        "wit/deps/http", "wit/host", "wit/chat",
    ],
    world: "corral:chat/chat-logic",
    generate_all,
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export_turns",
    default_bindings_module: "corral_logic::bindings",
});
