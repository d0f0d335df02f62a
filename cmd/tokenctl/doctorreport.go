package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// A doctor checks a deployment.
type doctor struct {
	db       *database
	stage    *stage // nil without --stage
	now      time.Time
	idle     time.Duration // a key that was not used for so long is reported
	findings []finding
	failed   bool // a check could not be made because a request failed
}

// A finding is the result of a check, as --json prints it.
type finding struct {
	Check   string `json:"check"`
	State   state  `json:"state"`
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // mends it
}

// A state says how a check ended.
type state string

// The states of a check.
const (
	stateOK         state = "ok"
	stateProblem    state = "problem"
	stateWarning    state = "warning"
	stateNotChecked state = "not_checked"
)

// errFindings ends a doctor that has found a problem. The report says which.
var errFindings = errors.New("the deployment has problems")

func (d *doctor) add(f finding) { d.findings = append(d.findings, f) }

// skip notes a check that does not apply or was not asked for.
func (d *doctor) skip(check, reason string) {
	d.add(finding{Check: check, State: stateNotChecked, Text: reason})
}

// fail notes a check whose request failed. It returns false if err is nil.
func (d *doctor) fail(check string, err error) bool {
	if err == nil {
		return false
	}
	d.failed = true
	d.skip(check, why(err))
	return true
}

// why says why a request failed, and which permission it lacks if that is why.
func why(err error) string {
	var refused smithy.APIError
	var operation *smithy.OperationError
	var network *net.OpError
	switch {
	case errors.As(err, &refused) && errors.As(err, &operation) && isDenied(refused.ErrorCode()):
		service := strings.ToLower(strings.ReplaceAll(operation.Service(), " ", ""))
		return "needs the permission " + service + ":" + operation.Operation()
	case errors.As(err, &refused) && errors.As(err, &operation):
		return fmt.Sprintf("%s of %s failed (%s: %s)", operation.Operation(), operation.Service(), refused.ErrorCode(), sentence(errors.New(refused.ErrorMessage())))
	case errors.As(err, &network):
		return "no connection (" + reason(network) + ")"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	default:
		return sentence(err)
	}
}

// isDenied reports whether an error code of an AWS service means that the
// credentials lack a permission. The services have different ones.
func isDenied(code string) bool {
	return strings.HasPrefix(code, "AccessDenied") || code == "AuthorizationError" || code == "UnauthorizedOperation"
}

// count returns how many findings have a state.
func (d *doctor) count(s state) (n int) {
	for _, f := range d.findings {
		if f.State == s {
			n++
		}
	}
	return n
}

// bad reports whether the exit code is 1.
func (d *doctor) bad() bool { return d.failed || d.count(stateProblem) > 0 }

// A diagnosis is what --json prints.
type diagnosis struct {
	Stage      string    `json:"stage,omitempty"`
	Table      string    `json:"table"`
	Findings   []finding `json:"findings"`
	OK         int       `json:"ok"`
	Problems   int       `json:"problems"`
	Warnings   int       `json:"warnings"`
	NotChecked int       `json:"not_checked"`
}

func (d *doctor) json() diagnosis {
	out := diagnosis{Table: d.db.table, Findings: d.findings, OK: d.count(stateOK), Problems: d.count(stateProblem), Warnings: d.count(stateWarning), NotChecked: d.count(stateNotChecked)}
	if d.stage != nil {
		out.Stage = d.stage.name
	}
	return out
}

// text returns the report: a line for each finding, the command that mends it
// below, and a summary.
func (d *doctor) text() string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) } // a Builder never fails
	for _, f := range d.findings {
		line("%-12s %s: %s.", map[state]string{stateOK: "ok", stateProblem: "PROBLEM", stateWarning: "warning", stateNotChecked: "not checked"}[f.State], f.Check, visible(f.Text))
		if f.Command != "" {
			line("             $ %s", f.Command)
		}
	}
	j := d.json()
	line("")
	line("Table %s %s: ok %d, problems %d, warnings %d, not checked %d.", d.db.table, d.db.at(), j.OK, j.Problems, j.Warnings, j.NotChecked)
	return text.String()
}

// tokenctl returns a command of tokenctl for the table that is checked.
func (d *doctor) tokenctl(args string) string {
	if d.stage == nil {
		return "tokenctl " + args
	}
	return "TABLE_NAME=" + d.db.table + " tokenctl " + args
}
