// Package stacktest follows docs/deploy.md and docs/ci.md to the letter: it runs the
// commands of each document, in their order, in an empty account, and checks what they did.
// With the build tag stack its test runs them against MiniStack, a server that
// imitates AWS and runs the functions; `make test-stack` installs what it needs.
// Without the tag it only checks that each command is known.
//
// A new command in a document is run without further ado. If it needs a value
// for a new placeholder, input, a preparation or a check, or can't be run here,
// add it to table_test.go.
//
// Notes on MiniStack 1.5.33, for the reader of a failing test:
//
//   - The functions are built for this machine's processor. MiniStack starts
//     them as its child processes and ignores the architecture of the template.
//     They inherit its environment, which leads them to its DynamoDB.
//   - `*.execute-api.localhost` does not resolve, so the commands use a proxy,
//     which passes on all requests with their Host.
//   - It has no metric math, no saved queries and no CodeDeploy. server.py replaces them by
//     placeholders, so a new version in prod gets all calls at once.
//   - It has no throttling and removes no expired items (TTL).
//   - It waits up to 50 ms for log lines after each call of a function.
//
// What is tested with moto (internal/deploytest) and on the templates
// (infra/stack) covers these.
package stacktest
