package main

import (
	"github.com/latchkey-api/latchkey/infra/stages"
)

// CheckPlace is checkPlace.
func CheckPlace(stage string, s stages.Settings, account, region string, allowed stages.Allowed) error {
	return checkPlace(stage, s, account, region, allowed)
}

// CheckTable is checkTable of a stack whose functions use one table, and which made
// another.
func CheckTable(stage string, s stages.Settings, used, own string, allowed stages.Allowed) error {
	return checkTable(stage, s, tables{used, own}, allowed)
}

// Run is the command.
var Run = run //nolint:gochecknoglobals // for tests
