package boot

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// Authorizer answers the events of a Lambda authorizer of an HTTP API, payload
// format 2.0, with simple responses. It admits a request with a valid key from
// an address that the key allows. It spends nothing and checks no model. For a
// request that it admits, the context describes the token and its user.
//
// If a key can't be checked because DynamoDB does not answer, the result is an
// invocation error: API Gateway then answers 500 and does not pass the request
// on. Attach the authorizer with a cache of 0 s: with a longer one, API Gateway
// would keep admitting a deleted key; docs/deploy.md shows how.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
func Authorizer(keys api.Gate, log *slog.Logger) lambda.Handler { return &authorizer{keys, log} }

type authorizer struct {
	keys api.Gate
	log  *slog.Logger
}

type (
	authorizerEvent = events.APIGatewayV2CustomAuthorizerV2Request

	// A simpleResponse is the answer of an authorizer in API Gateway's simple form.
	simpleResponse struct {
		IsAuthorized bool           `json:"isAuthorized"`
		Context      map[string]any `json:"context,omitempty"`
	}
)

// Invoke implements lambda.Handler.
func (a *authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	started := time.Now()
	ctx, meter := reqlog.WithMeter(ctx)
	var event authorizerEvent
	err := json.Unmarshal(payload, &event)
	var verdict quota.Verdict
	if err == nil {
		verdict, err = a.verify(ctx, &event)
	}
	a.record(ctx, &event, verdict, err, meter.Cost(), time.Since(started))
	if err != nil {
		return nil, errKeyNotChecked
	}
	return json.Marshal(responseTo(verdict))
}

// errKeyNotChecked stands for every error: Lambda logs what Invoke returns, and
// does not mask credentials in it. The request's log line has the cause.
var errKeyNotChecked = errors.New("the key could not be checked: the log line of the request has the cause")

// verify checks the key of an event. A panic becomes an error.
func (a *authorizer) verify(ctx context.Context, event *authorizerEvent) (v quota.Verdict, err error) {
	defer reqlog.Recover(&err)
	ip, err := quota.ParseIP(event.RequestContext.HTTP.SourceIP)
	if err != nil || !ip.IsValid() {
		return quota.Verdict{Reason: quota.Reason{Refusal: quota.RefusedIP}}, nil // an address that can't be parsed is on no token's list
	}
	return a.keys.Verify(ctx, credential.Bearer(header(event, "Authorization")), quota.Question{IP: ip, From: quota.Origin{IP: ip, UserAgent: header(event, "User-Agent")}})
}

// header returns a header; its name is not case-sensitive.
func header(event *authorizerEvent, name string) string {
	for n, value := range event.Headers {
		if strings.EqualFold(n, name) {
			return value
		}
	}
	return ""
}

func responseTo(v quota.Verdict) simpleResponse {
	if !v.Valid() {
		return simpleResponse{}
	}
	t := v.Token
	return simpleResponse{IsAuthorized: true, Context: map[string]any{
		"token_id": t.ID, "user_id": t.UserID, "name": t.Name, "group": t.Group,
		"remain_quota": v.Remain, "unlimited_quota": t.UnlimitedQuota,
		"model_limits_enabled": t.ModelLimitsEnabled, "models": strings.Join(t.Models, ","),
	}}
}

// record logs the request.
func (a *authorizer) record(ctx context.Context, event *authorizerEvent, v quota.Verdict, err error, cost reqlog.Cost, took time.Duration) {
	line := reqlog.Line{
		Route: api.Authorizer, Group: reqlog.GroupKeys, RequestID: event.RequestContext.RequestID, Duration: took,
		Attrs: []slog.Attr{
			slog.Bool("authorized", err == nil && v.Valid()),
			reqlog.UserID(v.Token.UserID), reqlog.TokenID(v.Token.ID),
			cost.Reads(), cost.Writes(), cost.Trips(),
		},
		Code: string(v.Refusal), Scope: v.Scope, Hedged: cost.Hedged, Unrecorded: cost.Unrecorded, Err: err,
	}
	if err != nil {
		line.Level = slog.LevelError
	}
	line.Write(ctx, a.log)
}
