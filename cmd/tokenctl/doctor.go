package main

import (
	"cmp"
	"context"
	"time"
)

type doctorCmd struct {
	Stage    string `placeholder:"NAME" help:"Check the stack of this stage, and its table."`
	Users    int    `default:"10" placeholder:"N" help:"Read the tokens of N users, chosen at random; 0 reads those of all (default 10)."`
	IdleDays int64  `default:"90" placeholder:"N" help:"Report keys that were not used for N days (default 90)."`
	Endpoint string `env:"DYNAMODB_ENDPOINT" placeholder:"URL" help:"Use the DynamoDB engine at this URL instead of AWS."`
	Table    string `env:"TABLE_NAME" placeholder:"NAME" help:"Name of the table, if there is no --stage (default ${table})."`
	JSON     bool   `help:"Print one line of JSON."`
}

// Help implements kong.HelpProvider.
func (*doctorCmd) Help() string {
	return `It reports what a deployment lacks, and for each finding the command that mends it. It changes nothing. With --stage it
finds alarms, functions, queue and table by the stage's stack; without, it checks the table alone.

A problem needs to be mended. A warning is a risk that may be intended. A check that could not be made is reported as not
checked, with the permission that it needs. The exit code is 1 if there is a problem, or if a check failed.

Example:

    tokenctl doctor --stage prod`
}

// Run implements the command.
func (c *doctorCmd) Run(ctx context.Context, out *console) error {
	out.readOnly = true
	switch {
	case c.IdleDays < 1:
		return problemf("--idle-days must be 1 or more")
	case c.Users < 0:
		return problemf("--users must be 0, for all users, or more")
	}
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	d.checkStage(ctx)
	if d.checkTable(ctx) {
		d.checkUsers(ctx, out, c.Users)
	}
	if ctx.Err() != nil {
		return problemf("interrupted: not everything was checked")
	}
	if c.JSON {
		err = out.printJSON(d.json())
	} else {
		err = out.print(d.text())
	}
	if err == nil && d.bad() {
		err = errFindings
	}
	return err
}

// open connects to the table and, with --stage, to the stage.
func (c *doctorCmd) open(ctx context.Context) (*doctor, error) {
	d := &doctor{now: time.Now(), idle: time.Duration(c.IdleDays) * 24 * time.Hour}
	table := cmp.Or(c.Table, defaultTable)
	if c.Stage != "" {
		cfg, err := awsConfig(ctx, "to check a table alone, leave --stage out")
		if err != nil {
			return nil, err
		}
		if d.stage, err = findStage(ctx, cfg, c.Stage); err != nil {
			return nil, err
		}
		if table = d.stage.table(); table == "" {
			return nil, problemf("the stack %s does not say which table it uses: it was not deployed completely", stackName(c.Stage))
		}
	}
	var err error
	d.db, err = connect(ctx, c.Endpoint, table)
	return d, err
}
