package boot_test

import (
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A series is the dimensions of a line's metrics. EMF is nil without metrics.
type series struct {
	Stage    string         `json:"stage"`
	Group    reqlog.Group   `json:"group"`
	Outcome  reqlog.Outcome `json:"outcome"`
	Function string         `json:"function"`
	EMF      *struct {
		CloudWatchMetrics []struct{ Dimensions [][]string }
	} `json:"_aws"`
}

// checkSeries fails the test unless the dimensions of a line's metrics are among
// those that TestSeries counts.
func checkSeries(t *testing.T, line logLine) {
	t.Helper()
	if line.EMF == nil {
		return // a page
	}
	for _, set := range line.EMF.CloudWatchMetrics[0].Dimensions {
		switch {
		case slices.Equal(set, []string{"stage", "group", "outcome"}):
			if line.Stage != "prod" || !slices.Contains(reqlog.Groups(), line.Group) || !slices.Contains(reqlog.Outcomes(), line.Outcome) {
				t.Errorf("got line %+v, want the stage prod, a group and an outcome", line)
			}
		case slices.Equal(set, []string{"function", "outcome"}):
			if line.Function != "prod-a" || line.Outcome != reqlog.ServerError {
				t.Errorf("got line %+v, want the function's name and a server error", line)
			}
		default:
			t.Errorf("got dimensions %q", set)
		}
	}
}

// A stage has at most 45 series of metrics: each costs $0.30 a month.
func TestSeries(t *testing.T) {
	functions := len(api.Functions()) + 1 // with the gateway
	got := len(reqlog.Groups())*len(reqlog.Outcomes()) + functions
	if got > 45 {
		t.Errorf("got %d series: %d groups with %d outcomes, and %d functions, want at most 45", got, len(reqlog.Groups()), len(reqlog.Outcomes()), functions)
	}
	t.Log(got, "series")
}
