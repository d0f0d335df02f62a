// Package soaktest loads `tokenctl serve` and `tokenctl proxy` with mixed traffic over HTTP,
// and keeps a ledger of its own of all that was acknowledged. Afterwards the server's
// lists, balances, wallets, windows, history, audit trail and webhooks must agree with the
// ledger, and no process may have grown. make soak runs it for ten minutes and writes the
// tables of docs/soak.md.
package soaktest
