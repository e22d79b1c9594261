"""A stand-in Azure and ServiceNow over HTTPS, with a witness: for the demo, the tests and the benchmarks."""
