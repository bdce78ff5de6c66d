"""Hand-written C kernels: one public function per file, embedded in the generated code as text."""
