//! Links LLVM 19 statically, component by component, so that the addon needs no LLVM where it runs.
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints what a program says, or ends the build with what is missing.
fn output(program: &str, arguments: &[&str]) -> String {
    let run = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install llvm-19-dev and g++, or set LLVM_CONFIG"));
    assert!(run.status.success(), "{program} {arguments:?} failed: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("the output is UTF-8").trim().to_owned()
}

/// The folder that holds a static library of the C++ toolchain's search path.
fn folder_of(library: &str) -> PathBuf {
    let path = output("g++", &[&format!("-print-file-name={library}")]);
    let path = Path::new(&path);
    assert!(path.is_absolute(), "{library} is not installed (g++ -print-file-name finds nothing)");
    path.parent().expect("a library lies in a folder").to_owned()
}

fn main() {
    napi_build::setup();
    println!("cargo:rerun-if-env-changed=LLVM_CONFIG");
    let config = env::var("LLVM_CONFIG").unwrap_or_else(|_| "/usr/lib/llvm-19/bin/llvm-config".to_owned());
    let version = output(&config, &["--version"]);
    assert!(version.starts_with("19."), "{config} is LLVM {version}; version 19 is needed");

    // Before LLVM's own libraries: the linker resolves from left to right.
    println!("cargo:rerun-if-changed=src/subtarget.cpp");
    cc::Build::new()
        .cpp(true)
        .cpp_link_stdlib(None)
        .std("c++17")
        .flag("-fno-rtti")
        .flag("-fno-exceptions")
        .flag("-isystem")
        .flag(output(&config, &["--includedir"]))
        .file("src/subtarget.cpp")
        .compile("isochron_subtarget");
    println!("cargo:rustc-link-search=native={}", output(&config, &["--libdir"]));
    let mut components = vec!["irreader", "passes", "analysis", "target"];
    components.extend(["x86codegen", "x86desc", "x86info", "x86asmparser"]);
    components.extend(["aarch64codegen", "aarch64desc", "aarch64info", "aarch64asmparser"]);
    let mut arguments = vec!["--link-static", "--libnames"];
    arguments.extend(components);
    for name in output(&config, &arguments).split_whitespace() {
        let name = name.trim_start_matches("lib").trim_end_matches(".a");
        println!("cargo:rustc-link-lib=static:-bundle={name}");
    }
    for library in ["stdc++", "z", "zstd"] {
        println!("cargo:rustc-link-search=native={}", folder_of(&format!("lib{library}.a")).display());
        println!("cargo:rustc-link-lib=static:-bundle={library}");
    }
    println!("cargo:rustc-link-lib=dylib=m");
}
