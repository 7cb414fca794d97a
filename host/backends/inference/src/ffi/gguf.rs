//! The tensors of a GGUF file: `llama-cpp-2` tells how many there are, and no more.
#![expect(unsafe_code, reason = "the crate has no call for them")]

use std::{
    ffi::{CStr, CString},
    path::Path,
    ptr,
};

use llama_cpp_sys_2 as sys;

/// The names of a file's tensors, each with its bytes. None if it is no GGUF file.
pub(crate) fn tensors(path: &Path) -> Option<Vec<(String, u64)>> {
    let path = CString::new(path.to_str()?).ok()?;
    let params = sys::gguf_init_params { no_alloc: true, ctx: ptr::null_mut() };
    // SAFETY: the path ends with a zero, and without a context for tensors only the file's head is read.
    let file = unsafe { sys::gguf_init_from_file(path.as_ptr(), params) };
    if file.is_null() {
        return None;
    }
    // SAFETY: the file was opened above, the numbers are those of its tensors, and a name lives as long as the file.
    let tensors = unsafe {
        (0..sys::gguf_get_n_tensors(file))
            .map(|number| {
                let name =
                    CStr::from_ptr(sys::gguf_get_tensor_name(file, number)).to_string_lossy().into_owned();
                (name, sys::gguf_get_tensor_size(file, number) as u64)
            })
            .collect()
    };
    // SAFETY: nothing refers to it any more.
    unsafe { sys::gguf_free(file) };
    Some(tensors)
}
