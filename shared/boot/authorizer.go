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

// Authorizer answers the events of an HTTP API's Lambda authorizer, payload
// format 2.0, with simple answers: it lets in who sends a valid key from an
// address that the key allows. It spends nothing and knows no model. To a
// gateway that lets the request in, it tells the token and its user in the
// context.
//
// What can't be judged, because DynamoDB does not answer, is an invocation
// error: API Gateway then answers 500 and lets nobody in. The authorizer must
// be attached with a cache of 0 s, for API Gateway would go on letting a
// deleted key in for as long as it caches; docs/deploy.md shows how.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
func Authorizer(keys api.Gate, log *slog.Logger) lambda.Handler { return &authorizer{keys, log} }

type authorizer struct {
	keys api.Gate
	log  *slog.Logger
}

// An authorization is the simple answer.
type authorization struct {
	IsAuthorized bool           `json:"isAuthorized"`
	Context      map[string]any `json:"context,omitempty"`
}

// Invoke implements lambda.Handler.
func (a *authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	started := time.Now()
	ctx, meter := reqlog.WithMeter(ctx)
	var event events.APIGatewayV2CustomAuthorizerV2Request
	err := json.Unmarshal(payload, &event)
	var verdict quota.Verdict
	if err == nil {
		verdict, err = a.judge(ctx, &event)
	}
	a.record(ctx, &event, verdict, err, meter.Cost(), time.Since(started))
	if err != nil {
		return nil, errNotJudged
	}
	return json.Marshal(answerTo(verdict))
}

// errNotJudged is all that Lambda hears of an error. It logs that in a line of
// its own, which nobody redacts.
var errNotJudged = errors.New("the key could not be judged: the request's own line says why")

// judge turns a panic into an error.
func (a *authorizer) judge(ctx context.Context, event *events.APIGatewayV2CustomAuthorizerV2Request) (v quota.Verdict, err error) {
	defer reqlog.Recover(&err)
	ip, err := quota.ParseIP(event.RequestContext.HTTP.SourceIP)
	if err != nil || !ip.IsValid() {
		return quota.Verdict{Refusal: quota.RefusedIP}, nil // no key allows an address that can't be read
	}
	return a.keys.Verify(ctx, credential.Bearer(authorizationOf(event)), quota.Question{IP: ip})
}

// authorizationOf finds the header whatever the case of its name.
func authorizationOf(event *events.APIGatewayV2CustomAuthorizerV2Request) string {
	for name, value := range event.Headers {
		if strings.EqualFold(name, "Authorization") {
			return value
		}
	}
	return ""
}

func answerTo(v quota.Verdict) authorization {
	if !v.Valid() {
		return authorization{}
	}
	t := v.Token
	return authorization{IsAuthorized: true, Context: map[string]any{
		"token_id": t.ID, "user_id": t.UserID, "name": t.Name, "group": t.Group,
		"remain_quota": v.Remain, "unlimited_quota": t.UnlimitedQuota,
		"model_limits_enabled": t.ModelLimitsEnabled, "models": strings.Join(t.Models, ","),
	}}
}

// record logs the request.
func (a *authorizer) record(ctx context.Context, event *events.APIGatewayV2CustomAuthorizerV2Request, v quota.Verdict, err error, cost reqlog.Cost, took time.Duration) {
	line := reqlog.Line{
		Route: api.Authorizer, RequestID: event.RequestContext.RequestID, Duration: took,
		Attrs: []slog.Attr{
			slog.Bool("authorized", err == nil && v.Valid()),
			reqlog.UserID(v.Token.UserID), reqlog.TokenID(v.Token.ID),
			cost.Reads(), cost.Trips(),
		},
		Code: string(v.Refusal), Err: err,
	}
	if err != nil {
		line.Level = slog.LevelError
	}
	line.Write(ctx, a.log)
}
