// Package faultstest drives the whole API over HTTP while its calls to the table
// fail on the wire: every fault of every call of every operation, random mixes,
// killed processes, a clock that jumps, and a full disk. make test-faults runs it
// whole, and writes docs/faults.md.
package faultstest
