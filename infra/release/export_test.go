package main

// ZipName is zipName.
func ZipName(function string, zipped []byte) string { return zipName(function, zipped) }

// Run is the command.
var Run = run //nolint:gochecknoglobals // for tests
