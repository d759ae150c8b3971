"""The rows of benchmarks/data.py, one module an idea; no benchmark by itself."""
