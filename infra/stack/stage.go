package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
)

// A Stage is a separate deployment with its own API, functions, table and
// alarms. Stages differ only in these fields.
type Stage struct {
	Name string

	// KeepData keeps the table and the logs when the stack is deleted, and
	// protects the table from deletion. Without it they are deleted with the
	// stack.
	KeepData bool
	// Backups allows restoring the table to any second of the last 35 days.
	// The price depends on the size of the table.
	Backups bool
	// TokenRetentionDays is how long an expired token is kept.
	TokenRetentionDays int
	// ForeignKeys accepts keys that another system has issued, if tokens were
	// imported with them. Then a text that could be such a key costs a read.
	ForeignKeys bool
	// LogRetention is how long log lines are kept.
	LogRetention awslogs.RetentionDays

	// RequestsPerSecond and Burst limit requests to the API. API Gateway
	// answers 429 to those above.
	RequestsPerSecond, Burst float64
	// MaxReadUnits and MaxWriteUnits limit the units that the table consumes
	// per second, and so what a runaway client can cost. 0 means the limit of
	// the account.
	MaxReadUnits, MaxWriteUnits float64
	// ReservedConcurrency is reserved for each function, and limits it. 0
	// reserves none: a new account has 10 in total and can't reserve any.
	ReservedConcurrency float64

	// Alarms adds the alarms. Each costs a fraction of a dollar a month, with
	// or without traffic, after the first ten of the account.
	Alarms bool
	// Canary sends a tenth of the calls to a new version for five minutes, and
	// rolls it back if an alarm fires. It needs Alarms.
	Canary bool
}

// Stages returns every stage, in the order of promotion.
func Stages() []Stage {
	return []Stage{
		{
			Name:     "dev", // for one developer: cheap, and deleted without leftovers
			KeepData: false, Backups: false,
			TokenRetentionDays: 1, ForeignKeys: false, LogRetention: awslogs.RetentionDays_ONE_WEEK,
			RequestsPerSecond: 10, Burst: 20,
			MaxReadUnits: 100, MaxWriteUnits: 100,
			Alarms: false, Canary: false,
		},
		{
			Name:     "staging", // tests the alarms and backups of prod with test data
			KeepData: false, Backups: true,
			TokenRetentionDays: 30, ForeignKeys: false, LogRetention: awslogs.RetentionDays_ONE_MONTH,
			RequestsPerSecond: 50, Burst: 100,
			MaxReadUnits: 1000, MaxWriteUnits: 1000,
			Alarms: true, Canary: false,
		},
		{
			Name:     "prod",
			KeepData: true, Backups: true,
			TokenRetentionDays: 30, ForeignKeys: false, LogRetention: awslogs.RetentionDays_THREE_MONTHS,
			RequestsPerSecond: 500, Burst: 1000,
			MaxReadUnits: 0, MaxWriteUnits: 0, // paying users are not cut off by the table; the limits above apply
			Alarms: true, Canary: true,
		},
	}
}

// Choose returns the stage with the given name, or every stage if name is empty.
func Choose(name string) ([]Stage, error) {
	var names []string
	for _, stage := range Stages() {
		if stage.Name == name {
			return []Stage{stage}, nil
		}
		names = append(names, stage.Name)
	}
	if name == "" {
		return Stages(), nil
	}
	return nil, fmt.Errorf("unknown stage %q: use one of %v, or none for all", name, names)
}
