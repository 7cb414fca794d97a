//! Loads a model. `llama-cpp-2` does too, but its parameters have no proportions of a tensor split.
#![expect(unsafe_code, reason = "the crate keeps llama.cpp's parameters to itself")]

use std::{
    ffi::{CString, c_void},
    mem,
    path::Path,
    ptr::{self, NonNull},
};

use llama_cpp_2::{
    llama_backend::LlamaBackend,
    max_devices,
    model::{LlamaModel, params::LlamaSplitMode},
};
use llama_cpp_sys_2 as sys;

/// Which of a model's layers go to graphics processors, and to which.
#[derive(Debug, Clone)]
pub(crate) struct Offload {
    /// ggml's numbers of the devices; empty is llama.cpp's own choice.
    pub devices: Vec<usize>,
    /// Layers, counted from the last; less than 0 is all of them.
    pub layers: i32,
    /// How they are spread.
    pub split: LlamaSplitMode,
    /// Which device has all of them where they are not, by its place in `devices`.
    pub main_gpu: i32,
    /// Each device's share, in the order of `devices`; empty is by the memory that they have free.
    pub proportions: Vec<f32>,
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoModel {
    /// C takes no other.
    #[error("its path is not UTF-8, or has a zero in it")]
    Path,
    /// More than llama.cpp has places for.
    #[error("llama.cpp takes {0} devices at most")]
    TooManyDevices(usize),
    /// Its list has changed since.
    #[error("there is no device {0} any more")]
    Device(usize),
    /// llama.cpp says no more than that.
    #[error("the log of llama.cpp says more")]
    Refused,
}

/// Loads a model; `progress` gets the fraction that is loaded, and says whether to go on.
pub(crate) fn load<P: FnMut(f32) -> bool>(
    _initialised: &LlamaBackend,
    path: &Path,
    offload: &Offload,
    mut progress: P,
) -> Result<LlamaModel, NoModel> {
    let path = path.to_str().and_then(|path| CString::new(path).ok()).ok_or(NoModel::Path)?;
    let mut devices = devices(&offload.devices)?;
    let mut proportions = offload.proportions.clone();
    proportions.resize(max_devices(), 0.0);
    // SAFETY: it takes nothing, and gives plain values.
    let mut params = unsafe { sys::llama_model_default_params() };
    params.n_gpu_layers = offload.layers;
    params.split_mode = offload.split.into();
    params.main_gpu = offload.main_gpu;
    if !offload.devices.is_empty() {
        params.devices = devices.as_mut_ptr();
    }
    if !offload.proportions.is_empty() {
        params.tensor_split = proportions.as_ptr();
    }
    params.progress_callback = Some(tell::<P>);
    params.progress_callback_user_data = ptr::from_mut(&mut progress).cast();
    // SAFETY: the path ends with a zero, the list of devices with a null, and there are as many proportions as llama.cpp
    // reads. All of it and `progress` outlive the call, and llama.cpp copies what it keeps (`llama_model::llama_model`).
    let model = unsafe { sys::llama_model_load_from_file(path.as_ptr(), params) };
    let model = NonNull::new(model).ok_or(NoModel::Refused)?;
    // SAFETY: `LlamaModel` is `repr(transparent)` around this pointer, which `transmute` holds it to, and its own
    // `load_from_file` makes it from just such a one. The crate's version is pinned.
    Ok(unsafe { mem::transmute::<NonNull<sys::llama_model>, LlamaModel>(model) })
}

/// ggml's devices by their numbers, and the null that ends the list.
fn devices(numbers: &[usize]) -> Result<Vec<sys::ggml_backend_dev_t>, NoModel> {
    if numbers.len() > max_devices() {
        return Err(NoModel::TooManyDevices(max_devices()));
    }
    // SAFETY: it only counts.
    let count = unsafe { sys::ggml_backend_dev_count() };
    let device = |&number: &usize| {
        let here = (number < count).then_some(number).ok_or(NoModel::Device(number))?;
        // SAFETY: there is a device of this number.
        Ok(unsafe { sys::ggml_backend_dev_get(here) })
    };
    let end = std::iter::once(Ok(ptr::null_mut()));
    numbers.iter().map(device).chain(end).collect()
}

/// What llama.cpp calls while it loads.
unsafe extern "C" fn tell<P: FnMut(f32) -> bool>(fraction: f32, progress: *mut c_void) -> bool {
    // SAFETY: `load` has given this pointer to a `P`, to which nothing else refers while llama.cpp loads.
    let progress = unsafe { &mut *progress.cast::<P>() };
    progress(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_devices_ends_with_a_null() {
        crate::loading::backend().unwrap();
        let one = devices(&[0]).unwrap();
        assert!(one.len() == 2 && !one[0].is_null() && one[1].is_null(), "{one:?}");
        assert!(matches!(devices(&[9999]), Err(NoModel::Device(9999))));
        assert!(matches!(devices(&[0; 17]), Err(NoModel::TooManyDevices(16))));
    }
}
