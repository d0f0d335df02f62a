package gate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A verb is what can be asked for about one token, by who has its key or by
// the operator.
type verb string

const (
	check   verb = "check"
	charge  verb = "charge"
	reserve verb = "reserve"
	settle  verb = "settle"
	release verb = "release"
	usage   verb = "usage"

	remove    verb = "remove"
	disable   verb = "disable"
	enable    verb = "enable"
	grant     verb = "grant" // sets what is free
	unlimit   verb = "unlimit"
	limit     verb = "limit"
	allowOne  verb = "allow one model"
	allowEach verb = "allow each model"
	rotate    verb = "rotate" // another key; this one works for ttl seconds
)

// An ask is something that is asked for, with what belongs to it.
type ask struct {
	does  verb
	id    string // of the request
	quota int64
	model string
	ttl   int64 // seconds
	now   int64 // the clock
}

func (a ask) String() string {
	return fmt.Sprintf("%s id=%q quota=%d model=%q ttl=%d at %+d", a.does, a.id, a.quota, a.model, a.ttl, a.now-dynamotest.Epoch)
}

// An answer is what is told, the same way whoever tells it: a code, empty for
// success, and the numbers that the verb has.
type answer struct {
	code    string
	numbers [3]int64
}

// untold stands for a number that an answer does not bind.
const untold = -1

// An outcome is how much an answer is worth.
type outcome int

const (
	told    outcome = iota // it was done, or refused, as the answer says
	nothing                // nothing was done
	unsure                 // it was done or not
)

// A door is a way to ask about one token.
type door interface {
	ask(ctx context.Context, a ask) (answer, outcome, error)
}

// An entrance opens doors to the tokens of a tenant. Each has clients,
// connections and, for HTTP, a server of its own, as another process has.
type entrance func(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, tweaks ...func(*dynamodb.Options)) func(credential.Key) door

func entrances() map[string]entrance { return map[string]entrance{"gate": openGate, "http": openHTTP} }

// eachEntrance runs a test once by the package and once over HTTP.
func eachEntrance(t *testing.T, test func(t *testing.T, open entrance)) {
	t.Helper()
	for name, open := range entrances() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// newTenant is an engine and a tenant with one token.
func newTenant(t testing.TB, u token.Settings) (*dynamotest.Kit, *dynamotest.Tenant, credential.Key) {
	t.Helper()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "tenant")
	return kit, tenant, newToken(t, tenant, u)
}

func newToken(t testing.TB, tenant *dynamotest.Tenant, u token.Settings) credential.Key {
	t.Helper()
	u.Name = new("any")
	_, key, err := tenant.Create(t.Context(), tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// insist asks until the answer is told, as a caller does who is to try again.
func insist(t testing.TB, d door, a ask) answer {
	t.Helper()
	for {
		got, outcome, err := d.ask(t.Context(), a)
		switch {
		case err != nil || outcome == unsure && a.does == charge && a.id == "":
			t.Errorf("%s: got no answer: %v", a, err)
			return answer{code: "none"}
		case outcome == told:
			return got
		}
	}
}

// unhurried is for tests that load the engine: it is slower than DynamoDB.
func unhurried(o *dynamodb.Options) {
	client := *o.HTTPClient.(*http.Client)
	client.Timeout = 20 * time.Second
	o.HTTPClient = &client
}

// seeded is random, and the same for the same seed.
func seeded(test, seed int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(test), uint64(seed))) //nolint:gosec // nothing here is secret, nor negative
}

func oneOf[T any](random *rand.Rand, all ...T) T { return all[random.IntN(len(all))] }

// The package's own door.

type gateDoor struct {
	gate   *gate.Gate
	tenant *dynamotest.Tenant // through the gate's client
	key    credential.Key
}

func openGate(_ testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, tweaks ...func(*dynamodb.Options)) func(credential.Key) door {
	return gateOf(dynamotest.Client(kit.Endpoint, tweaks...), tenant, tenant.Clock.Now)
}

// gateOf opens doors with a client that is there, and a clock.
func gateOf(client *dynamodb.Client, tenant *dynamotest.Tenant, clock func() time.Time) func(credential.Key) door {
	g := gate.New(dynamo.New(client, dynamotest.Table), gate.WithClock(clock))
	through := tenant.Through(dynamo.New(client, dynamotest.Table))
	return func(key credential.Key) door { return &gateDoor{g, through, key} }
}

func (d *gateDoor) ask(ctx context.Context, a ask) (answer, outcome, error) {
	got, err := d.call(ctx, a)
	var code wire.Code
	switch {
	case err == nil:
		return got, told, nil
	case errors.Is(err, token.ErrUncertain):
		return answer{}, unsure, nil
	case errors.Is(err, token.ErrUnavailable), errors.Is(err, token.ErrContention):
		return answer{}, nothing, nil
	case errors.As(codeOf(err), &code):
		return answer{code: string(code)}, told, nil
	default:
		return answer{}, told, err
	}
}

// codeOf is the code by which the HTTP endpoints tell an error.
func codeOf(err error) error {
	for sentinel, code := range map[error]wire.Code{
		quota.ErrKeyUnknown: wire.ErrUnauthorized, token.ErrNotFound: wire.ErrTokenNotFound, token.ErrExhausted: wire.ErrTokenExhausted,
		quota.ErrRequestReused: wire.ErrRequestReused, quota.ErrTooManyOpen: wire.ErrTooManyOpen, quota.ErrHoldNotFound: wire.ErrHoldNotFound,
		quota.ErrHoldExpired: wire.ErrHoldExpired, quota.ErrHoldSettled: wire.ErrHoldSettled, quota.ErrHoldReleased: wire.ErrHoldReleased,
	} {
		if errors.Is(err, sentinel) {
			return code
		}
	}
	return err
}

func (d *gateDoor) call(ctx context.Context, a ask) (answer, error) {
	key := d.key.Reveal()
	question := quota.Question{Model: a.model, Quota: a.quota, RequestID: a.id}
	switch a.does { //nolint:exhaustive // the others are the operator's
	case check, charge:
		v, err := d.gate.Verify(ctx, key, question)
		return answer{string(v.Refusal), [3]int64{v.Remain}}, err
	case reserve:
		r, err := d.gate.Reserve(ctx, key, question, time.Duration(a.ttl)*time.Second)
		return answer{string(r.Refusal), [3]int64{r.Held, r.Remain, r.ExpiresAt}}, err
	case settle:
		s, err := d.gate.Settle(ctx, key, a.id, a.quota)
		return answer{numbers: [3]int64{s.Charged, s.Shortfall, s.Remain}}, err
	case release:
		r, err := d.gate.Release(ctx, key, a.id)
		return answer{numbers: [3]int64{r.Released, r.Remain}}, err
	case usage:
		u, err := d.gate.Usage(ctx, key)
		if err == nil && u.Token.Disabled { // as the endpoint tells it
			err = quota.ErrKeyUnknown
		}
		return answer{numbers: [3]int64{u.Granted, u.Used, u.Available}}, err
	default:
		return d.operate(ctx, a)
	}
}

func (d *gateDoor) operate(ctx context.Context, a ask) (answer, error) {
	at, id := d.tenant.Access, d.key.TokenID
	var t token.Token
	var err error
	switch a.does { //nolint:exhaustive // the others are not the operator's
	case remove:
		return answer{}, d.tenant.Delete(ctx, at, id)
	case rotate:
		turn, err := d.tenant.NewKeyRotation(ctx, at, id, a.ttl)
		if err != nil {
			return answer{}, err
		}
		made, err := d.tenant.Rotate(ctx, at, id, turn)
		return answer{numbers: [3]int64{made.FreeAt(a.now), made.UsedAt(a.now)}}, err
	case disable, enable:
		t, err = d.tenant.SetStatus(ctx, at, id, a.does == disable)
	case grant:
		t, err = d.tenant.Update(ctx, at, id, token.Settings{RemainQuota: &a.quota})
	case unlimit, limit:
		t, err = d.tenant.Update(ctx, at, id, token.Settings{UnlimitedQuota: new(a.does == unlimit)})
	case allowOne:
		t, err = d.tenant.Update(ctx, at, id, token.Settings{ModelLimitsEnabled: new(true), Models: []string{a.model}})
	case allowEach:
		t, err = d.tenant.Update(ctx, at, id, token.Settings{ModelLimitsEnabled: new(false)})
	}
	return answer{numbers: [3]int64{t.FreeAt(a.now), t.UsedAt(a.now)}}, err
}
