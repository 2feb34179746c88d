package cli_test

func restrict() error { return nil }
