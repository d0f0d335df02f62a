// Package clientstest calls models with the vendors' own clients, directly and
// through tokenctl proxy, and compares. Its tests need Python packages and npm
// packages, so they have the build tag clients: run make test-clients.
package clientstest
