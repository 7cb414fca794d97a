//! The compiler and the pool.

use bytesize::ByteSize;
use corral_wasm::guest::{
    Engine,
    engine::{Room, Warm},
};
use std::hash::{DefaultHasher, Hash, Hasher};

#[test]
fn what_the_compiler_compiles_runs_in_the_pool() {
    let fingerprint = |engine: &wasmtime::Engine| {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    };
    let pooled =
        Engine::new(Room { instances: 1, components: 2 }, Warm { places: 1, memory: ByteSize::mib(1) })
            .unwrap();
    assert_eq!(fingerprint(pooled.wasm()), fingerprint(&Engine::compiler().unwrap()));
}
