package reqlog_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// prod is a process of the stage prod whose first line is written.
func prod(t *testing.T) *reqlog.Process {
	t.Helper()
	p := &reqlog.Process{Function: "prod-get-1A2B", Version: "7", Stage: "prod"}
	writtenBy(t, p, reqlog.Line{})
	return p
}

// Only the first line of a process has cold_start. Without a process, a line has
// neither that nor a version.
func TestColdStart(t *testing.T) {
	p := &reqlog.Process{Version: "7"}
	for i, want := range []any{true, nil, nil} {
		got := writtenBy(t, p, reqlog.Line{})
		if got["cold_start"] != want || got["version"] != "7" {
			t.Errorf("line %d: got %v, want cold_start %v and version 7", i, got, want)
		}
	}
	if got := written(t, reqlog.Line{}); got["cold_start"] != nil || got["version"] != nil {
		t.Errorf("got %v without a process", got)
	}
}

// A line has the outcome that its status, its code and its error mean.
func TestOutcome(t *testing.T) {
	p, failure := prod(t), errors.New("failure")
	for _, tt := range []struct {
		status int
		code   string
		err    error
		want   reqlog.Outcome
	}{
		{200, "", nil, reqlog.OK},
		{304, "", nil, reqlog.OK},
		{0, "", nil, reqlog.OK}, // the authorizer has no status
		{0, "expired", nil, reqlog.Refused},
		{0, "rate_limited", nil, reqlog.Throttled},
		{0, "", failure, reqlog.ServerError},
		{200, "quota_exhausted", nil, reqlog.Refused},
		{200, "rate_limited", nil, reqlog.Throttled},
		{401, "unauthorized", nil, reqlog.Refused},
		{402, "", nil, reqlog.Refused},
		{403, "forbidden", nil, reqlog.Refused},
		{400, "invalid_json", nil, reqlog.ClientError},
		{404, "token_not_found", nil, reqlog.ClientError},
		{429, "rate_limited", nil, reqlog.Throttled},
		{429, "too_many_open", nil, reqlog.Throttled},
		{429, "quota_exhausted", failure, reqlog.Refused}, // of the gateway
		{500, "internal", failure, reqlog.ServerError},
		{503, "unavailable", failure, reqlog.ServerError},
		{529, "", nil, reqlog.ServerError}, // of a model API
	} {
		line := reqlog.Line{Group: reqlog.GroupKeys, Status: tt.status, Code: tt.code, Err: tt.err}
		if got := writtenBy(t, p, line)["outcome"]; got != string(tt.want) {
			t.Errorf("got outcome %v of %d, %q, %v, want %s", got, tt.status, tt.code, tt.err, tt.want)
		}
	}
}

// embedded returns the line's metrics in the embedded metric format.
func embedded(dimensions ...[]any) map[string]any {
	sets := make([]any, len(dimensions))
	for i, d := range dimensions {
		sets[i] = d
	}
	return map[string]any{"CloudWatchMetrics": []any{map[string]any{
		"Namespace": "Latchkey", "Dimensions": sets, "Metrics": []any{map[string]any{"Name": "ms"}},
	}}}
}

// The metrics of a line have the dimensions that apply, and each is a text in the
// root of the line, as is the number that is measured.
func TestMetrics(t *testing.T) {
	p, failure := prod(t), errors.New("failure")
	group, function := []any{"stage", "group", "outcome"}, []any{"function", "outcome"}
	for name, tt := range map[string]struct {
		line reqlog.Line
		want any
	}{
		"request":           {reqlog.Line{Group: reqlog.GroupTokens, Status: 200}, embedded(group)},
		"failure":           {reqlog.Line{Group: reqlog.GroupTokens, Status: 500, Err: failure}, embedded(group, function)},
		"event_not_handled": {reqlog.Line{Group: reqlog.GroupKeys, Err: failure}, embedded(group, function)},
		"model_api_fails":   {reqlog.Line{Group: reqlog.GroupModels, Status: 500}, embedded(group)},
		"page":              {reqlog.Line{Status: 404}, nil},
		"page_fails":        {reqlog.Line{Status: 500, Err: failure}, embedded(function)},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now().UnixMilli()
			line := writtenBy(t, p, tt.line)
			metrics, _ := line["_aws"].(map[string]any)
			if tt.want == nil {
				if metrics != nil {
					t.Errorf("got metrics %v, want none", metrics)
				}
				return
			}
			stamp, _ := metrics["Timestamp"].(float64)
			if now := time.Now().UnixMilli(); int64(stamp) < begun || int64(stamp) > now {
				t.Errorf("got Timestamp %v, want milliseconds from %d to %d", stamp, begun, now)
			}
			delete(metrics, "Timestamp")
			if diff := cmp.Diff(tt.want, any(metrics)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			checkTargets(t, line, metrics)
		})
	}
	if got := writtenBy(t, &reqlog.Process{Version: "7"}, reqlog.Line{Group: reqlog.GroupKeys}); got["_aws"] != nil || got["outcome"] != nil {
		t.Errorf("got %v of a process without a stage, want no metrics", got)
	}
}

// checkTargets fails the test unless the line has the value of each metric, and a
// text for each dimension.
func checkTargets(t *testing.T, line, metrics map[string]any) {
	t.Helper()
	for _, d := range metrics["CloudWatchMetrics"].([]any) {
		directive := d.(map[string]any)
		for _, set := range directive["Dimensions"].([]any) {
			for _, name := range set.([]any) {
				if text, _ := line[name.(string)].(string); text == "" {
					t.Errorf("the line has no text for dimension %v", name)
				}
			}
		}
		for _, m := range directive["Metrics"].([]any) {
			name := m.(map[string]any)["Name"].(string)
			if _, ok := line[name].(float64); !ok {
				t.Errorf("the line has no number for metric %s", name)
			}
		}
	}
}

// A line has about as many bytes as docs/deploy.md says; each costs money.
func TestLineBytes(t *testing.T) {
	cost := reqlog.Cost{WriteUnits: 1, RoundTrips: 1}
	line := reqlog.Line{
		Route: "verify", Group: reqlog.GroupKeys, RequestID: "JKJaXmPLvHcESHA=", Duration: 4567 * time.Microsecond, Status: http.StatusOK,
	}
	line.Attrs = append(line.Attrs, reqlog.UserID(12), cost.Reads(), cost.Writes(), cost.Trips(), reqlog.TokenID(3456))
	for _, tt := range []struct {
		what string
		p    *reqlog.Process
		most int
	}{
		{"without metrics", &reqlog.Process{Version: "12"}, 280},
		{"with metrics", &reqlog.Process{Version: "12", Stage: "prod"}, 490},
	} {
		writtenBy(t, tt.p, line)
		got := len(textOf(t, tt.p, line))
		if got > tt.most {
			t.Errorf("%s: got %d bytes, want at most %d", tt.what, got, tt.most)
		}
		t.Log(fmt.Sprint(got), "bytes", tt.what)
	}
}
