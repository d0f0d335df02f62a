package main

import (
	"cmp"
	"fmt"

	"github.com/latchkey-api/latchkey/infra/stages"
)

// checkPlace returns an error if the stage would be deployed to another account or
// region than its own. Apart from dev, a stage must have both in its settings, so
// that no deployment depends on the credentials of the day.
func checkPlace(stage string, s stages.Settings, account, region string, allowed stages.Allowed) error {
	const override = "; to deploy it here nevertheless, add ALLOW=account"
	switch {
	case allowed.Account:
		return nil
	case s.Account != "" && s.Account != account:
		return fmt.Errorf("stage %s belongs to account %s, but the credentials are of %s: set AWS_PROFILE to a profile of that account%s", stage, s.Account, account, override)
	case s.Region != "" && s.Region != region:
		return fmt.Errorf("stage %s belongs to region %s, but AWS_REGION is %s: unset it%s", stage, s.Region, region, override)
	case stage != "dev" && (s.Account == "" || s.Region == ""):
		return fmt.Errorf(`infra/stages.json does not say where stage %s is: add "account": %q, "region": %q to it, and commit it`, stage, account, region)
	}
	return nil
}

// tables are those of a deployed stack. The zero value is a stack that does not
// exist.
type tables struct {
	used string // by the functions
	own  string // made by the stack
}

// checkTable returns an error if the deployment would lead the functions to
// another table than they use now.
func checkTable(stage string, s stages.Settings, deployed tables, allowed stages.Allowed) error {
	next := cmp.Or(s.Table, deployed.own)
	if deployed.used == "" || next == deployed.used || allowed.Table {
		return nil
	}
	why := "table in infra/stages.json is not set, and this is the stage's own"
	if s.Table != "" {
		why = "table in infra/stages.json names it"
	}
	return fmt.Errorf("stage %s uses table %s, and would use %s, because %s. Keys and access tokens of one table do not work with the other."+
		" Correct infra/stages.json, or add ALLOW=table if you want this", stage, deployed.used, next, why)
}
