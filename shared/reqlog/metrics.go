package reqlog

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// A Group is a group of routes that metrics count together: each series costs
// $0.30 a month, and each route with each outcome would be more than a hundred.
type Group string

// The groups. A line without a group adds to no metric unless the function failed.
const (
	GroupKeys   Group = "keys"   // what a key authenticates, and the authorizer
	GroupTokens Group = "tokens" // what an access token authenticates
	GroupModels Group = "models" // model requests through the gateway
)

// Groups returns every group.
func Groups() []Group { return []Group{GroupKeys, GroupTokens, GroupModels} }

// An Outcome is how a request ended, for metrics.
type Outcome string

// The outcomes. The first in this order that applies is a request's.
const (
	ServerError Outcome = "server_error" // 5xx, or an event that could not be handled
	Throttled   Outcome = "throttled"    // 429, or a key is refused by a rate
	Refused     Outcome = "refused"      // 401, 402 or 403, or a key is refused for another reason
	ClientError Outcome = "client_error" // another 4xx
	OK          Outcome = "ok"
)

// Outcomes returns every outcome.
func Outcomes() []Outcome { return []Outcome{ServerError, Throttled, Refused, ClientError, OK} }

// The codes of a key that is refused by a rate, and for lack of quota, which the
// gateway answers with 429, too: quota.RefusedRate and quota.RefusedExhausted.
const (
	rateLimited    = "rate_limited"
	quotaExhausted = "quota_exhausted"
)

func (l Line) outcome() Outcome {
	switch {
	case l.Status >= http.StatusInternalServerError || l.Status == 0 && l.Err != nil:
		return ServerError
	case l.Code == rateLimited || l.Status == http.StatusTooManyRequests && l.Code != quotaExhausted:
		return Throttled
	case l.Code == quotaExhausted || l.Status == http.StatusUnauthorized || l.Status == http.StatusPaymentRequired || l.Status == http.StatusForbidden ||
		l.Code != "" && l.Status < http.StatusBadRequest:
		return Refused
	case l.Status >= http.StatusBadRequest:
		return ClientError
	default:
		return OK
	}
}

// The metric of all requests. Its value is the duration in milliseconds, and the
// statistic SampleCount is the number of requests, so one metric has both. Its
// dimensions are:
//
//   - stage, group and outcome, of each line with a group
//   - function and outcome, of each failure of a function itself: what an alarm on
//     that function alone watches, such as one that rolls a new version back. The
//     outcome is always ServerError. function is the name that Lambda knows it by,
//     which is unique in the account and region
//
// So a stage has at most 3 groups × 5 outcomes + 1 for each function.
const (
	MetricNamespace = "Latchkey"
	MetricName      = "ms" // also a field of each line

	DimensionStage    = "stage"
	DimensionGroup    = "group"
	DimensionOutcome  = "outcome"
	DimensionFunction = "function"
)

const (
	groupDimensions    = `["` + DimensionStage + `","` + DimensionGroup + `","` + DimensionOutcome + `"]`
	functionDimensions = `["` + DimensionFunction + `","` + DimensionOutcome + `"]`
)

// metrics returns the attributes that make CloudWatch take a metric from the
// line, in its embedded metric format. The dimensions are fields of the line.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (p *Process) metrics(l Line) []slog.Attr {
	outcome := l.outcome()
	attrs := []slog.Attr{slog.String(DimensionOutcome, string(outcome))}
	dimensions := ""
	if l.Group != "" {
		attrs = append(attrs, slog.String(DimensionStage, p.Stage), slog.String(DimensionGroup, string(l.Group)))
		dimensions = groupDimensions
	}
	if outcome == ServerError && l.Err != nil { // without an error, the answer is that of a model API
		attrs = append(attrs, slog.String(DimensionFunction, p.Function))
		if dimensions != "" {
			dimensions += ","
		}
		dimensions += functionDimensions
	}
	if dimensions == "" {
		return nil
	}
	embedded := `{"Timestamp":` + strconv.FormatInt(time.Now().UnixMilli(), 10) +
		`,"CloudWatchMetrics":[{"Namespace":"` + MetricNamespace + `","Dimensions":[` + dimensions + `],"Metrics":[{"Name":"` + MetricName + `"}]}]}`
	return append(attrs, slog.Any("_aws", json.RawMessage(embedded)))
}
