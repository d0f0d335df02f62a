package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"github.com/latchkey-api/latchkey/infra/stages"
)

// A Stage is a separate deployment with its own API, functions, table and
// alarms. Stages differ by design in these fields, and further in what an
// operator has decided for each in infra/stages.json.
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
	// LogRetention is how long log lines are kept.
	LogRetention awslogs.RetentionDays

	// DataPlane, Management, Public and Usage limit the requests to each route of four
	// groups. API Gateway answers 429 to those above. The data plane is verify,
	// reserve, settle and release; public is what needs no access token and no key:
	// the console and whatever matches no route. The sum over all routes is below
	// the 10,000 requests a second of an account, so no group takes the share of
	// another.
	DataPlane, Management, Public, Usage Throttle
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
	// Metrics makes the functions write metrics into their log lines. Each series
	// costs $0.30 a month; a stage has at most 39.
	Metrics bool
	// Canary sends a tenth of the calls to a new version for five minutes, and
	// rolls it back if an alarm fires. It needs Alarms. Without it a new version
	// gets all calls at once. The setting canary of infra/stages.json overrides it.
	Canary bool
}

// metrics returns the stage's name if its functions write metrics, and else "".
func (s Stage) metrics() *string {
	name := ""
	if s.Metrics {
		name = s.Name
	}
	return &name
}

// A Throttle limits the requests to a route: so many a second in the long run, and
// so many at once.
type Throttle struct{ RequestsPerSecond, Burst float64 }

// Stages returns every stage, in the order of stages.Names.
func Stages() []Stage {
	return []Stage{
		{
			Name:     "dev", // for one developer: cheap, and deleted without leftovers
			KeepData: false, Backups: false,
			TokenRetentionDays: 1, LogRetention: awslogs.RetentionDays_ONE_WEEK,
			DataPlane: Throttle{10, 20}, Management: Throttle{10, 20}, Public: Throttle{10, 20}, Usage: Throttle{10, 20},
			MaxReadUnits: 100, MaxWriteUnits: 100,
			Alarms: false, Metrics: false, Canary: false,
		},
		{
			Name:     "staging", // tests the alarms and backups of prod with test data
			KeepData: false, Backups: true,
			TokenRetentionDays: 30, LogRetention: awslogs.RetentionDays_ONE_MONTH,
			DataPlane: Throttle{100, 200}, Management: Throttle{20, 40}, Public: Throttle{10, 20}, Usage: Throttle{10, 20},
			MaxReadUnits: 1000, MaxWriteUnits: 1000,
			Alarms: true, Metrics: true, Canary: true,
		},
		{
			Name:     "prod",
			KeepData: true, Backups: true,
			TokenRetentionDays: 30, LogRetention: awslogs.RetentionDays_THREE_MONTHS,
			DataPlane: Throttle{1000, 2000}, Management: Throttle{150, 300}, Public: Throttle{50, 100}, Usage: Throttle{10, 20},
			MaxReadUnits: 0, MaxWriteUnits: 0, // paying users are not cut off by the table; the limits above apply
			Alarms: true, Metrics: true, Canary: true,
		},
	}
}

// with returns the stage with what its settings override.
func (s Stage) with(settings stages.Settings) (Stage, error) {
	if settings.Canary == nil {
		return s, nil
	}
	s.Canary = *settings.Canary
	if s.Canary && !s.Alarms {
		return s, fmt.Errorf("%s: canary is true but the stage has no alarms, which would roll a new version back: remove it", s.Name)
	}
	return s, nil
}

// Choose returns the stage with the given name, or every stage if name is empty.
func Choose(name string) ([]Stage, error) {
	for _, stage := range Stages() {
		if stage.Name == name {
			return []Stage{stage}, nil
		}
	}
	if name == "" {
		return Stages(), nil
	}
	return nil, fmt.Errorf("unknown stage %q: use one of %v, or none for all", name, stages.Names())
}
