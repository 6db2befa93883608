//! LLVM in process: parse, optimise, emit; its fatal errors become errors of ours.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::Once;

use llvm_sys::LLVMModule;
use llvm_sys::analysis::{LLVMVerifierFailureAction, LLVMVerifyModule};
use llvm_sys::core::*;
use llvm_sys::error::{LLVMDisposeErrorMessage, LLVMGetErrorMessage, LLVMOpaqueError};
use llvm_sys::prelude::*;
use llvm_sys::target::*;
use llvm_sys::target_machine::*;
use llvm_sys::transforms::pass_builder::*;

use crate::error::CodegenError;

/// The machine that code is for.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub triple: &'a str,
    pub cpu: &'a str,
    pub features: &'a str,
}

#[derive(Clone, Copy)]
pub enum Output {
    Object,
    Assembly,
}

/// What LLVM's fatal error handler unwinds with.
struct Fatal(String);

// LLVM's C functions, declared so that our fatal error handler may unwind through them.
#[allow(clashing_extern_declarations)]
mod unwinding {
    use super::*;
    unsafe extern "C-unwind" {
        pub fn LLVMParseIRInContext(
            context: LLVMContextRef,
            buffer: LLVMMemoryBufferRef,
            module: *mut LLVMModuleRef,
            message: *mut *mut c_char,
        ) -> LLVMBool;
        pub fn LLVMInstallFatalErrorHandler(handler: Option<unsafe extern "C-unwind" fn(*const c_char)>);
        pub fn LLVMRunPasses(
            module: *mut LLVMModule,
            passes: *const c_char,
            machine: LLVMTargetMachineRef,
            options: LLVMPassBuilderOptionsRef,
        ) -> *mut LLVMOpaqueError;
        pub fn LLVMTargetMachineEmitToMemoryBuffer(
            machine: LLVMTargetMachineRef,
            module: *mut LLVMModule,
            kind: LLVMCodeGenFileType,
            message: *mut *mut c_char,
            buffer: *mut LLVMMemoryBufferRef,
        ) -> LLVMBool;
        pub fn LLVMCreateTargetMachine(
            target: LLVMTargetRef,
            triple: *const c_char,
            cpu: *const c_char,
            features: *const c_char,
            level: LLVMCodeGenOptLevel,
            reloc: LLVMRelocMode,
            model: LLVMCodeModel,
        ) -> LLVMTargetMachineRef;
    }
}

// Of `subtarget.cpp`.
unsafe extern "C" {
    fn isochron_knows_cpu(target: LLVMTargetRef, triple: *const c_char, cpu: *const c_char) -> bool;
    fn isochron_knows_feature(target: LLVMTargetRef, triple: *const c_char, feature: *const c_char) -> bool;
}

/// Ends a compilation by unwinding to `compile`.
///
/// # Safety
/// For LLVM to call only, within one of the functions of `unwinding`.
unsafe extern "C-unwind" fn on_fatal(message: *const c_char) {
    // SAFETY: LLVM passes a NUL-terminated message that lives through the call.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    resume_unwind(Box::new(Fatal(text)));
}

thread_local! {
    static DIAGNOSTICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn on_diagnostic(info: LLVMDiagnosticInfoRef, _context: *mut c_void) {
    // SAFETY: LLVM passes a live diagnostic; its description is ours to dispose of.
    let (severity, text) = unsafe {
        let description = LLVMGetDiagInfoDescription(info);
        let text = CStr::from_ptr(description).to_string_lossy().into_owned();
        LLVMDisposeMessage(description);
        (LLVMGetDiagInfoSeverity(info), text)
    };
    if matches!(severity, llvm_sys::LLVMDiagnosticSeverity::LLVMDSError) {
        DIAGNOSTICS.with(|all| all.borrow_mut().push(text));
    }
}

fn initialise() {
    static ONCE: Once = Once::new();
    // SAFETY: called once, before any other use of LLVM in this process by this crate.
    ONCE.call_once(|| unsafe {
        LLVMInitializeX86TargetInfo();
        LLVMInitializeX86Target();
        LLVMInitializeX86TargetMC();
        LLVMInitializeX86AsmPrinter();
        LLVMInitializeX86AsmParser();
        LLVMInitializeAArch64TargetInfo();
        LLVMInitializeAArch64Target();
        LLVMInitializeAArch64TargetMC();
        LLVMInitializeAArch64AsmPrinter();
        LLVMInitializeAArch64AsmParser();
        unwinding::LLVMInstallFatalErrorHandler(Some(on_fatal));
    });
}

/// The version of LLVM, as in "19.1.7".
pub fn version() -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: the three pointers are to live integers.
    unsafe { LLVMGetVersion(&mut major, &mut minor, &mut patch) };
    format!("{major}.{minor}.{patch}")
}

/// A NUL-terminated copy; text from JavaScript may hold a NUL, which no IR, name or triple may.
fn c_string(module: &str, text: &str) -> Result<CString, CodegenError> {
    CString::new(text).map_err(|error| {
        CodegenError::Parse(module.to_owned(), format!("there is a NUL character at byte {}", error.nul_position()))
    })
}

/// The target of a machine, once its processor and each of its features are known to exist.
fn find_target(machine: &Machine<'_>, name: &str) -> Result<LLVMTargetRef, CodegenError> {
    let (triple, cpu) = (c_string(name, machine.triple)?, c_string(name, machine.cpu)?);
    let mut message = ptr::null_mut();
    let mut target = ptr::null_mut();
    // SAFETY: the strings are NUL-terminated and outlive the call, which writes one of the two pointers.
    if unsafe { LLVMGetTargetFromTriple(triple.as_ptr(), &mut target, &mut message) } != 0 {
        return Err(CodegenError::Triple(machine.triple.to_owned(), take_message(message)));
    }
    // SAFETY: the target is a live entry of LLVM's registry, the strings as above.
    if !unsafe { isochron_knows_cpu(target, triple.as_ptr(), cpu.as_ptr()) } {
        return Err(CodegenError::Cpu { triple: machine.triple.to_owned(), cpu: machine.cpu.to_owned() });
    }
    for feature in machine.features.split(',').filter(|feature| !feature.is_empty()) {
        let unsigned = feature.strip_prefix(['+', '-']);
        let unsigned = unsigned.map(|each| c_string(name, each)).transpose()?;
        // SAFETY: as above.
        let known =
            unsigned.is_some_and(|each| unsafe { isochron_knows_feature(target, triple.as_ptr(), each.as_ptr()) });
        if !known {
            return Err(CodegenError::Feature { triple: machine.triple.to_owned(), feature: feature.to_owned() });
        }
    }
    Ok(target)
}

/// Takes a message that LLVM allocated.
fn take_message(message: *mut c_char) -> String {
    if message.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: a non-null message of LLVM is NUL-terminated and ours to dispose of.
    unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().trim().to_owned();
        LLVMDisposeMessage(message);
        text
    }
}

/// The objects of one compilation, disposed of together; after a fatal error they leak instead, since LLVM's state is unknown.
struct Session {
    context: LLVMContextRef,
    module: LLVMModuleRef,
    machine: LLVMTargetMachineRef,
    options: LLVMPassBuilderOptionsRef,
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: each pointer is null or owned by this session, and the module goes before its context.
        unsafe {
            if !self.options.is_null() {
                LLVMDisposePassBuilderOptions(self.options);
            }
            if !self.machine.is_null() {
                LLVMDisposeTargetMachine(self.machine);
            }
            if !self.module.is_null() {
                LLVMDisposeModule(self.module);
            }
            LLVMContextDispose(self.context);
        }
    }
}

/// Compiles one module of IR text with `default<O3>`, position independent.
pub fn compile(machine: &Machine<'_>, name: &str, text: &str, output: Output) -> Result<Vec<u8>, CodegenError> {
    initialise();
    DIAGNOSTICS.with(|all| all.borrow_mut().clear());
    // SAFETY: creating a context has no precondition.
    let context = unsafe { LLVMContextCreate() };
    let mut session = Session { context, module: ptr::null_mut(), machine: ptr::null_mut(), options: ptr::null_mut() };
    let caught = catch_unwind(AssertUnwindSafe(|| compile_in(&mut session, machine, name, text, output)));
    match caught {
        Ok(result) => result,
        Err(payload) => {
            std::mem::forget(session);
            match payload.downcast::<Fatal>() {
                Ok(fatal) => Err(CodegenError::Fatal(name.to_owned(), fatal.0)),
                Err(other) => resume_unwind(other),
            }
        }
    }
}

fn compile_in(
    session: &mut Session,
    machine: &Machine<'_>,
    name: &str,
    text: &str,
    output: Output,
) -> Result<Vec<u8>, CodegenError> {
    let triple = c_string(name, machine.triple)?;
    let (cpu, features) = (c_string(name, machine.cpu)?, c_string(name, machine.features)?);
    let (name_c, text_c) = (c_string(name, name)?, c_string(name, text)?);
    let target = find_target(machine, name)?;
    // SAFETY: the session's context outlives all calls; strings are NUL-terminated and outlive the calls that read them;
    // LLVMParseIRInContext takes over the memory buffer, which refers to `text_c` until the module is parsed.
    unsafe {
        LLVMContextSetDiagnosticHandler(session.context, Some(on_diagnostic), ptr::null_mut());
        let mut message = ptr::null_mut();
        session.machine = unwinding::LLVMCreateTargetMachine(
            target,
            triple.as_ptr(),
            cpu.as_ptr(),
            features.as_ptr(),
            LLVMCodeGenOptLevel::LLVMCodeGenLevelAggressive,
            LLVMRelocMode::LLVMRelocPIC,
            LLVMCodeModel::LLVMCodeModelSmall,
        );
        let buffer =
            LLVMCreateMemoryBufferWithMemoryRangeCopy(text_c.as_ptr(), text_c.as_bytes().len(), name_c.as_ptr());
        if unwinding::LLVMParseIRInContext(session.context, buffer, &mut session.module, &mut message) != 0 {
            session.module = ptr::null_mut();
            return Err(CodegenError::Parse(name.to_owned(), take_message(message)));
        }
        let layout = LLVMCreateTargetDataLayout(session.machine);
        LLVMSetModuleDataLayout(session.module, layout);
        LLVMDisposeTargetData(layout);
        LLVMSetTarget(session.module, triple.as_ptr());

        let action = LLVMVerifierFailureAction::LLVMReturnStatusAction;
        let broken = LLVMVerifyModule(session.module, action, &mut message) != 0;
        let finding = take_message(message);
        message = ptr::null_mut();
        if broken {
            return Err(CodegenError::Verify(name.to_owned(), finding));
        }

        session.options = LLVMCreatePassBuilderOptions();
        let failed =
            unwinding::LLVMRunPasses(session.module, c"default<O3>".as_ptr(), session.machine, session.options);
        if !failed.is_null() {
            let message = LLVMGetErrorMessage(failed);
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            LLVMDisposeErrorMessage(message);
            return Err(CodegenError::Passes(name.to_owned(), text));
        }
        let kind = match output {
            Output::Object => LLVMCodeGenFileType::LLVMObjectFile,
            Output::Assembly => LLVMCodeGenFileType::LLVMAssemblyFile,
        };
        let mut emitted = ptr::null_mut();
        let status = unwinding::LLVMTargetMachineEmitToMemoryBuffer(
            session.machine,
            session.module,
            kind,
            &mut message,
            &mut emitted,
        );
        if status != 0 {
            return Err(CodegenError::Emit(name.to_owned(), take_message(message)));
        }
        let start = LLVMGetBufferStart(emitted).cast::<u8>();
        let bytes = std::slice::from_raw_parts(start, LLVMGetBufferSize(emitted)).to_vec();
        LLVMDisposeMemoryBuffer(emitted);
        DIAGNOSTICS.with(|all| match all.borrow().first() {
            Some(diagnostic) => Err(CodegenError::Emit(name.to_owned(), diagnostic.clone())),
            None => Ok(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ARM, X86};

    const GOOD: &str = "define void @f(ptr %a) nounwind {\n  store i32 1, ptr %a\n  ret void\n}\n";

    fn error(machine: &Machine<'_>, text: &str) -> String {
        compile(machine, "m", text, Output::Object).unwrap_err().to_string()
    }

    #[test]
    fn the_same_text_gives_the_same_bytes() {
        for machine in [&X86, &ARM] {
            let object = || compile(machine, "m", GOOD, Output::Object).unwrap();
            assert_eq!(object(), object());
        }
    }

    #[test]
    fn assembly_is_of_the_machine_asked_for() {
        let assembly = |machine| String::from_utf8(compile(machine, "m", GOOD, Output::Assembly).unwrap()).unwrap();
        assert!(assembly(&X86).contains("retq"));
        assert!(assembly(&ARM).contains("str\tw8, [x0]"));
    }

    #[test]
    fn products_and_sums_are_not_contracted() {
        let text = "define float @f(float %a, float %b, float %c) {\n  %p = fmul float %a, %b\n  %s = fadd float %p, %c\n  ret float %s\n}\n";
        for machine in [&X86, &ARM] {
            let assembly = String::from_utf8(compile(machine, "m", text, Output::Assembly).unwrap()).unwrap();
            assert!(assembly.contains("mul") && !assembly.contains("madd"), "{assembly}");
        }
    }

    #[test]
    fn an_unknown_machine_is_named() {
        let triple = Machine { triple: "zilog-unknown", ..X86 };
        assert!(error(&triple, GOOD).starts_with("error[codegen/target]: LLVM knows no target \"zilog-unknown\": "));
        for machine in [X86, ARM] {
            let cpu = Machine { cpu: "abacus", ..machine };
            assert!(error(&cpu, GOOD).contains("no processor \"abacus\""));
            for features in ["+abacus", "-abacus", "abacus"] {
                let machine = Machine { features, ..machine };
                assert!(error(&machine, GOOD).contains("abacus\" for"), "{features}");
            }
        }
        assert!(error(&Machine { features: "crc", ..ARM }, GOOD).contains("no feature \"crc\""));
    }

    #[test]
    fn a_syntax_error_has_its_line_and_column() {
        let error = error(&X86, "define void @f( {");
        assert!(error.starts_with("error[codegen/parse]: module \"m\""), "{error}");
        assert!(error.contains("m:1:18: error: expected type"), "{error}");
    }

    #[test]
    fn a_nul_character_is_refused() {
        assert!(error(&X86, "; \0").contains("NUL character at byte 2"));
    }

    #[test]
    fn broken_ir_is_named_with_the_verifiers_words() {
        let text = "define i32 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i32 1, 2\n  br label %b\nb:\n  ret i32 %x\n}\n";
        let error = error(&X86, text);
        assert!(error.starts_with("error[codegen/verify]: module \"m\""), "{error}");
        assert!(error.contains("Instruction does not dominate all uses!"), "{error}");
    }

    #[test]
    fn bad_inline_assembly_is_an_error() {
        let text = "define void @f() {\n  call void asm sideeffect \"abacus\", \"\"()\n  ret void\n}\n";
        assert!(error(&X86, text).contains("invalid instruction mnemonic 'abacus'"));
    }

    // Each makes LLVM call its fatal error handler, in another of its functions.
    #[test]
    fn what_is_fatal_to_llvm_is_an_error_to_us_and_compiling_goes_on() {
        let parse = "define i32 @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i32 1, 2\n  br label %b\nb:\n  ret i32 %x\n}\n!llvm.module.flags = !{!0}\n!0 = !{i32 2, !\"Debug Info Version\", i32 3}\n";
        let select = "declare <2 x i64> @llvm.x86.aesni.aesenc(<2 x i64>, <2 x i64>)\ndefine <2 x i64> @f(<2 x i64> %a) {\n  %r = call <2 x i64> @llvm.x86.aesni.aesenc(<2 x i64> %a, <2 x i64> %a)\n  ret <2 x i64> %r\n}\n";
        let before = compile(&X86, "m", GOOD, Output::Object).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let error_of_parsing = error(&X86, parse);
                        assert!(error_of_parsing.starts_with("error[codegen/fatal]: LLVM gave up on module \"m\": "));
                        assert!(error_of_parsing.contains("Broken module found"), "{error_of_parsing}");
                        let error_of_selection = error(&X86, select);
                        assert!(error_of_selection.contains("Cannot select"), "{error_of_selection}");
                        assert_eq!(compile(&X86, "m", GOOD, Output::Object).unwrap(), before);
                    }
                });
            }
        });
    }
}
