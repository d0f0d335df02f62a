// Package generatortest checks the API document with the tools of its readers:
// generators of clients, linters, and a tester of servers. Its tests need Go modules,
// Python packages and npm packages of their own, so they have the build tag clients:
// run make test-clients.
package generatortest
