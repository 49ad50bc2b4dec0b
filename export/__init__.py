"""Export of a trained encoder to ONNX; needs torch and onnx."""
