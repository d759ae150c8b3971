"""The rows of benchmarks/forecast.py, one module an idea; no benchmark by itself."""
