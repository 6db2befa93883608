//! `Program`: one artifact with its own instance and 64-byte aligned buffers, run from JavaScript without allocation.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::Arc;

use isochron_engine::arena::{Arena, aligned};
use isochron_engine::{Artifact, Instance, MethodId, TensorSpec};
use napi::bindgen_prelude::{BigInt, Buffer, Float64Array, FromNapiValue, Function, Uint8Array};
use napi::{Env, JsError, sys};
use napi_derive::napi;

use crate::{failure, guarded};

/// A loaded artifact. Its methods are numbered in the order of `methods`.
#[napi]
pub struct Program {
    loaded: Rc<RefCell<Loaded>>,
}

/// What a program and the functions of its steps share.
struct Loaded {
    instance: Instance,
    methods: Vec<Method>,
}

impl Loaded {
    fn step(&mut self, method: u32, set: u32) -> napi::Result<()> {
        numbered(&mut self.methods, method)?.step(&mut self.instance, set as usize)
    }
}

/// What a function of `Program::stepper` runs.
struct Stepper {
    loaded: Rc<RefCell<Loaded>>,
    method: u32,
    set: u32,
}

impl Stepper {
    /// A function of JavaScript's without arguments.
    ///
    /// # Safety
    /// Node calls it, with the data of a function that `Program::stepper` made: a `Stepper` that lives as long as that.
    unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
        let mut data = null_mut();
        // SAFETY: environment and call are Node's own; nothing but the data is asked for.
        unsafe { sys::napi_get_cb_info(env, info, null_mut(), null_mut(), null_mut(), &mut data) };
        // SAFETY: as this function's.
        let Self { loaded, method, set } = unsafe { &*data.cast::<Self>() };
        if let Err(error) = guarded(|| loaded.borrow_mut().step(*method, *set)) {
            // SAFETY: the environment is that of the call.
            unsafe { JsError::from(error).throw_into(env) };
        }
        null_mut()
    }

    /// # Safety
    /// Node calls it once, when the function of the `Stepper` at `data` is gone.
    unsafe extern "C" fn end(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
        // SAFETY: as this function's; it was boxed by `Program::stepper`.
        drop(unsafe { Box::from_raw(data.cast::<Self>()) });
    }
}

/// A method with memory for what it takes and gives.
struct Method {
    id: MethodId,
    buffers: Arc<Arena>,
    /// Offsets of the inputs and then the outputs in `buffers`.
    offsets: Vec<usize>,
    /// Where the inputs lie: in `buffers`, then in each set that was asked for.
    inputs: Vec<Vec<*const u8>>,
    outputs: Vec<*mut u8>,
    sets: Vec<Arc<Arena>>,
}

impl Method {
    fn new(program: &isochron_engine::Program, id: MethodId) -> napi::Result<Self> {
        let mut end = 0;
        let mut place = |spec: &TensorSpec| {
            let offset = end;
            end += aligned(spec.bytes);
            offset
        };
        let input_offsets: Vec<usize> = program.inputs(id).iter().map(&mut place).collect();
        let output_offsets: Vec<usize> = program.outputs(id).iter().map(&mut place).collect();
        let buffers = Arc::new(Arena::new(end).map_err(failure)?);
        let offsets = input_offsets.iter().chain(&output_offsets).copied().collect();
        let inputs = vec![input_offsets.iter().map(|offset| buffers.at(*offset).cast_const()).collect()];
        let outputs = output_offsets.iter().map(|offset| buffers.at(*offset)).collect();
        Ok(Self { id, buffers, offsets, inputs, outputs, sets: Vec::new() })
    }

    fn step(&self, instance: &mut Instance, set: usize) -> napi::Result<()> {
        let inputs = self.inputs.get(set).ok_or_else(|| {
            failure(format!(
                "error[program/inputs]: there is no set {set} of inputs\nhelp: ask for it with newInputs()"
            ))
        })?;
        // SAFETY: the method is of the instance's program; one aligned, disjoint buffer of the manifest's size stands
        // behind each pointer.
        unsafe { instance.step(self.id, inputs, &self.outputs) }.map_err(|fault| {
            let said = instance.program().said_of(self.id, fault);
            failure(format!("error[program/fault]: {said}\nhelp: check the inputs' values, or allow more"))
        })?;
        instance.commit();
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.buffers.bytes() + self.sets.iter().map(|each| each.bytes()).sum::<usize>()
    }
}

/// The method of a number, borrowed apart from the instance that runs it.
fn numbered(methods: &mut [Method], number: u32) -> napi::Result<&mut Method> {
    methods.get_mut(number as usize).ok_or_else(|| {
        failure(format!("error[program/method]: there is no method {number}\nhelp: methods are numbered from 0"))
    })
}

#[napi(object)]
pub struct LoadOptions {
    /// Code to run instead of the best for this machine.
    pub target: Option<String>,
    /// Threads that a step may use, JavaScript's among them; 1 unless given.
    pub threads: Option<u32>,
}

#[napi]
impl Program {
    /// Loads an artifact; every hash and bound is checked first.
    #[napi(factory)]
    pub fn load(artifact: Buffer, options: Option<LoadOptions>) -> napi::Result<Self> {
        guarded(|| Self::from_bytes(&artifact, options))
    }

    fn from_bytes(artifact: &[u8], options: Option<LoadOptions>) -> napi::Result<Self> {
        let artifact = Artifact::open(artifact).map_err(failure)?;
        let (wanted, threads) = options.map_or((None, None), |options| (options.target, options.threads));
        let program = isochron_engine::Program::load(&artifact, wanted.as_deref()).map_err(failure)?;
        let mut instance = Instance::new(program).map_err(failure)?;
        instance.set_threads(threads.map_or(1, |count| count as usize)).map_err(failure)?;
        let program = instance.program();
        let methods = program.methods().map(|id| Method::new(program, id)).collect::<napi::Result<_>>()?;
        Ok(Self { loaded: Rc::new(RefCell::new(Loaded { instance, methods })) })
    }

    /// The names of the methods, in the order of their numbers.
    #[napi(getter)]
    pub fn methods(&self) -> Vec<String> {
        let loaded = self.loaded.borrow();
        let program = loaded.instance.program();
        program.methods().map(|id| program.name_of(id).to_owned()).collect()
    }

    /// `manifest.json` as it stands in the artifact.
    #[napi(getter)]
    pub fn manifest(&self) -> String {
        self.loaded.borrow().instance.program().manifest_text().to_owned()
    }

    /// The target whose code runs.
    #[napi(getter)]
    pub fn target(&self) -> String {
        self.loaded.borrow().instance.program().target().to_owned()
    }

    /// Bytes of memory that the program holds: states, scratch, weights, inputs and outputs.
    #[napi(getter)]
    pub fn arena_bytes(&self) -> f64 {
        let loaded = self.loaded.borrow();
        let own: usize = loaded.methods.iter().map(Method::bytes).sum();
        (loaded.instance.arena_bytes() + own) as f64
    }

    /// Runs one step of a method on a set of inputs, 0 being those of `memory`, and commits the states. Allocates nothing.
    #[napi]
    pub fn step(&mut self, method: u32, set: u32) -> napi::Result<()> {
        guarded(|| self.loaded.borrow_mut().step(method, set))
    }

    /// `step` of a method on a set of inputs as a function without arguments: Node need not look up its object, which is most of
    /// what a call costs that finds the caches cold.
    #[napi]
    pub fn stepper<'env>(&self, env: &'env Env, method: u32, set: u32) -> napi::Result<Function<'env, (), ()>> {
        let data = Box::into_raw(Box::new(Stepper { loaded: Rc::clone(&self.loaded), method, set })).cast::<c_void>();
        let (name, mut function) = ("step", null_mut());
        // SAFETY: the name is as long as is said, and the data lives until `Stepper::end` is called for it.
        let made = unsafe {
            let (text, length) = (name.as_ptr().cast(), name.len() as isize);
            let made = sys::napi_create_function(env.raw(), text, length, Some(Stepper::call), data, &mut function);
            if made == sys::Status::napi_ok {
                sys::napi_add_finalizer(env.raw(), function, data, Some(Stepper::end), null_mut(), null_mut())
            } else {
                made
            }
        };
        if made != sys::Status::napi_ok {
            return Err(failure("error[native/function]: Node made no function\nhelp: free memory, and load again"));
        }
        // SAFETY: the value is the function just made.
        unsafe { Function::from_napi_value(env.raw(), function) }
    }

    /// Runs `count` steps of a method, on each set of inputs in turn, and returns how many nanoseconds each took, two looks
    /// at the clock included. For benchmarks: what a call costs without JavaScript.
    #[napi]
    pub fn time_steps(&mut self, method: u32, count: u32) -> napi::Result<Float64Array> {
        guarded(|| {
            let Loaded { instance, methods } = &mut *self.loaded.borrow_mut();
            let method = numbered(methods, method)?;
            let mut nanoseconds = Vec::with_capacity(count as usize);
            for at in 0..count as usize {
                let start = std::time::Instant::now();
                method.step(instance, at % method.inputs.len())?;
                nanoseconds.push(start.elapsed().as_nanos() as f64);
            }
            Ok(Float64Array::new(nanoseconds))
        })
    }

    /// Memory of another set of inputs, zeroed, each where `offsets` says; its number is the count of those before.
    #[napi]
    pub fn new_inputs(&mut self, method: u32) -> napi::Result<Uint8Array> {
        guarded(|| {
            let Loaded { instance, methods } = &mut *self.loaded.borrow_mut();
            let method = numbered(methods, method)?;
            let specs = instance.program().inputs(method.id);
            let offsets = &method.offsets[..specs.len()];
            let end = offsets.iter().zip(specs).map(|(offset, spec)| offset + aligned(spec.bytes)).max();
            let set = Arc::new(Arena::new(end.unwrap_or(0)).map_err(failure)?);
            method.inputs.push(offsets.iter().map(|offset| set.at(*offset).cast_const()).collect());
            method.sets.push(Arc::clone(&set));
            Ok(array_over(set))
        })
    }

    /// Runs the kernels of one step of a method one by one and returns how many nanoseconds each took; no states are committed.
    #[napi]
    pub fn profile(&mut self, method: u32) -> napi::Result<Float64Array> {
        guarded(|| {
            let Loaded { instance, methods } = &mut *self.loaded.borrow_mut();
            let method = numbered(methods, method)?;
            let mut nanoseconds = vec![0; instance.program().kernel_names(method.id).count()];
            // SAFETY: as for a step.
            unsafe { instance.profile(method.id, &method.inputs[0], &method.outputs, &mut nanoseconds) };
            Ok(Float64Array::new(nanoseconds.into_iter().map(|each| each as f64).collect()))
        })
    }

    /// The memory of all inputs and outputs of a method; it lives as long as JavaScript holds it. To be asked for once.
    #[napi]
    pub fn memory(&mut self, method: u32) -> napi::Result<Uint8Array> {
        Ok(array_over(Arc::clone(&numbered(&mut self.loaded.borrow_mut().methods, method)?.buffers)))
    }

    /// Where each input and then each output of a method starts in its memory.
    #[napi]
    pub fn offsets(&mut self, method: u32) -> napi::Result<Vec<f64>> {
        Ok(numbered(&mut self.loaded.borrow_mut().methods, method)?
            .offsets
            .iter()
            .map(|offset| *offset as f64)
            .collect())
    }

    /// Sets every state to its initial value.
    #[napi]
    pub fn reset(&mut self) {
        self.loaded.borrow_mut().instance.reset();
    }

    /// The states, one after the other.
    #[napi]
    pub fn states(&self) -> Buffer {
        let instance = &self.loaded.borrow().instance;
        let mut bytes = vec![0; instance.states_bytes()];
        instance.copy_states(&mut bytes);
        bytes.into()
    }

    /// Sets the states to what `states` gave.
    #[napi]
    pub fn set_states(&mut self, bytes: Buffer) -> napi::Result<()> {
        self.loaded.borrow_mut().instance.set_states(&bytes).map_err(failure)
    }

    /// Kernels called since the artifact was loaded.
    #[napi]
    pub fn kernel_calls(&self) -> BigInt {
        self.loaded.borrow().instance.kernel_calls().into()
    }
}

/// An arena as an array of JavaScript's.
fn array_over(arena: Arc<Arena>) -> Uint8Array {
    let (base, bytes) = (arena.at(0), arena.bytes());
    // SAFETY: the mapping lives until the last holder drops it, and the array's finaliser is one. Between steps only
    // JavaScript touches it, and a step runs on JavaScript's own thread.
    unsafe { Uint8Array::with_external_data(base, bytes, move |_, _| drop(arena)) }
}
