"""Other programs at the tasks of our benchmarks, each in the form that suits it best."""
