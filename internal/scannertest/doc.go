// Package scannertest tests what docs/leaked-keys.md and docs/gitleaks.toml tell the
// users of secret scanners: with Go's regular expressions, and in make test-clients
// with gitleaks itself, whose version is in the module in the folder gitleaks.
package scannertest
