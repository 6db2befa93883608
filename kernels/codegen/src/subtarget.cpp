// Asks LLVM's tables whether a processor or a feature exists: the C interface cannot, and LLVM only warns and goes on.
#include <memory>

#include <llvm-c/TargetMachine.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>

namespace {
std::unique_ptr<llvm::MCSubtargetInfo> describe(LLVMTargetRef target, const char *triple) {
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      reinterpret_cast<const llvm::Target *>(target)->createMCSubtargetInfo(triple, "", ""));
}
} // namespace

extern "C" bool isochron_knows_cpu(LLVMTargetRef target, const char *triple, const char *cpu) {
  const auto info = describe(target, triple);
  return info && info->isCPUStringValid(cpu);
}

extern "C" bool isochron_knows_feature(LLVMTargetRef target, const char *triple, const char *feature) {
  const auto info = describe(target, triple);
  if (!info) return false;
  for (const auto &each : info->getAllProcessorFeatures())
    if (llvm::StringRef(each.Key) == feature) return true;
  return false;
}
