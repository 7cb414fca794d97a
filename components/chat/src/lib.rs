//! The default chat logic: session, retrieval, prompt, generation, append.
#![expect(missing_docs, reason = "wit-bindgen does not carry the contract's documentation over")]

wit_bindgen::generate!({
    path: ["../../wit/deps/io", "../../wit/deps/clocks", "../../wit/deps/random", "../../wit/deps/filesystem", "../../wit/deps/sockets", "../../wit/deps/cli", "../../wit/deps/http", "../../wit/host", "../../wit/chat"],
    world: "corral:chat/chat-logic",
    generate_all,
});
