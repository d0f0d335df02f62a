package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
)

// A Stage is a deployment of its own: API, functions, table, alarms. All
// that differs between stages stands here.
type Stage struct {
	Name string

	// KeepData makes the table and the logs outlive the stack, and the table
	// refuse its deletion. Otherwise they end with the stack.
	KeepData bool
	// Backups lets the table be restored to any second of the last 35 days.
	// It costs by the GB, so nothing for an empty table.
	Backups bool
	// TokenRetentionDays is how long an expired token stays.
	TokenRetentionDays int
	// LogRetention is how long a line of the logs stays.
	LogRetention awslogs.RetentionDays

	// The API lets through RequestsPerSecond, and Burst at once; more is
	// answered with 429.
	RequestsPerSecond, Burst float64
	// MaxReadUnits and MaxWriteUnits are the table's fuse: what a runaway
	// client can spend a second. 0 is the account's own limit.
	MaxReadUnits, MaxWriteUnits float64
	// ReservedConcurrency is kept for each function, and is its limit. 0 is
	// none: a new account has 10 in all, and can't reserve any.
	ReservedConcurrency float64

	// Alarms are a fraction of a dollar a month each, whether or not anyone
	// calls, beyond an account's first ten.
	Alarms bool
	// Canary gives a new version a tenth of the calls for five minutes, and
	// takes it back when an alarm goes off. It needs Alarms.
	Canary bool
}

// Stages are all of them, in the order of promotion.
func Stages() []Stage {
	return []Stage{
		{
			Name:     "dev", // one's own: cheap, and gone without a trace
			KeepData: false, Backups: false,
			TokenRetentionDays: 1, LogRetention: awslogs.RetentionDays_ONE_WEEK,
			RequestsPerSecond: 10, Burst: 20,
			MaxReadUnits: 100, MaxWriteUnits: 100,
			Alarms: false, Canary: false,
		},
		{
			Name:     "staging", // shows that prod's alarms and backups work; its data is made up
			KeepData: false, Backups: true,
			TokenRetentionDays: 30, LogRetention: awslogs.RetentionDays_ONE_MONTH,
			RequestsPerSecond: 50, Burst: 100,
			MaxReadUnits: 1000, MaxWriteUnits: 1000,
			Alarms: true, Canary: false,
		},
		{
			Name:     "prod",
			KeepData: true, Backups: true,
			TokenRetentionDays: 30, LogRetention: awslogs.RetentionDays_THREE_MONTHS,
			RequestsPerSecond: 500, Burst: 1000,
			MaxReadUnits: 0, MaxWriteUnits: 0, // users who pay are not cut off; the throttle above is the limit
			Alarms: true, Canary: true,
		},
	}
}

// Choose returns the stage of a name, or all of them for no name.
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
	return nil, fmt.Errorf("unknown stage %q: use one of %v, or no name for all", name, names)
}
