package gate_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A gateClient calls the package's own functions.
type gateClient struct {
	gate   *gate.Gate
	tenant *dynamotest.Tenant // uses the gate's DynamoDB client
	key    credential.Key
	clock  func() time.Time
	at     atomic.Pointer[time.Time] // of the operation, if it has a time of its own

	hold   *gate.Hold // the client's own
	unsure bool       // the hold may not exist
}

func newGateClients(_ testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, tweaks ...func(*dynamodb.Options)) func(credential.Key) client {
	return gateClients(dynamotest.Client(kit.Endpoint, tweaks...), tenant, tenant.Clock.Now)
}

// gateClients returns a constructor of clients with a given DynamoDB client and
// clock.
func gateClients(db *dynamodb.Client, tenant *dynamotest.Tenant, clock func() time.Time) func(credential.Key) client {
	store := dynamo.New(db, dynamotest.Table)
	return func(key credential.Key) client {
		c := &gateClient{key: key, clock: clock}
		c.gate, c.tenant = gate.New(store, gate.WithClock(c.now)), tenantAt(tenant, store, c.now)
		return c
	}
}

// tenantAt returns the same tenant, served by another store with another clock.
func tenantAt(tenant *dynamotest.Tenant, store *dynamo.Store, clock func() time.Time) *dynamotest.Tenant {
	return &dynamotest.Tenant{Service: &token.Service{Store: store, Now: clock}, Access: tenant.Access, Clock: tenant.Clock}
}

func (c *gateClient) now() time.Time {
	if at := c.at.Load(); at != nil && !at.IsZero() {
		return *at
	}
	return c.clock()
}

func (c *gateClient) do(ctx context.Context, op operation) (result, outcome, error) {
	var got result
	var err error
	c.at.Store(&op.at)
	switch op.kind { //nolint:exhaustive // the others need no hold
	case opHold:
		got, err = c.makeHold(ctx, op)
	case opGrowHold, opSettleHold, opReleaseHold:
		if c.hold == nil || c.unsure && op.kind != opReleaseHold {
			return result{}, notDone, nil
		}
		if got, err = c.callHold(ctx, op); op.kind != opGrowHold {
			c.hold = nil
		}
	default:
		got, err = c.call(ctx, op)
	}
	var code wire.Code
	switch {
	case err == nil:
		return got, known, nil
	case errors.Is(err, quota.ErrUncertain):
		return result{}, uncertain, nil
	case errors.Is(err, quota.ErrUnavailable), errors.Is(err, quota.ErrContention):
		return result{}, notDone, nil
	case errors.As(wireCode(err), &code):
		return result{code: string(code)}, known, nil
	default:
		return result{}, known, err
	}
}

// wireCode returns the code that the HTTP endpoints give for an error, or err
// if there is none.
func wireCode(err error) error {
	for sentinel, code := range map[error]wire.Code{
		quota.ErrKeyUnknown: wire.ErrUnauthorized, token.ErrNotFound: wire.ErrTokenNotFound, token.ErrExhausted: wire.ErrTokenExhausted, token.ErrKeyLeaked: wire.ErrKeyLeaked,
		quota.ErrRequestReused: wire.ErrRequestReused, quota.ErrTooManyOpen: wire.ErrTooManyOpen, quota.ErrHoldNotFound: wire.ErrHoldNotFound,
		quota.ErrHoldExpired: wire.ErrHoldExpired, quota.ErrHoldSettled: wire.ErrHoldSettled, quota.ErrHoldReleased: wire.ErrHoldReleased,
	} {
		if errors.Is(err, sentinel) {
			return code
		}
	}
	return err
}

func (c *gateClient) call(ctx context.Context, op operation) (result, error) {
	key := c.key.Reveal()
	question := quota.Question{Model: op.model, Quota: op.quota, RequestID: fullID(op.requestID)}
	switch op.kind { //nolint:exhaustive // the owner's operations follow
	case opCheck, opSpend:
		v, err := c.gate.Verify(ctx, key, question)
		got := refusedResult(v.Reason, v.Remain)
		if op.kind == opCheck {
			got.quotas = quotaUses(v)
		}
		return got, err
	case opReserve:
		r, err := c.gate.Reserve(ctx, key, question, time.Duration(op.ttlSeconds)*time.Second)
		return refusedResult(r.Reason, r.Held, r.Remain, r.ExpiresAt), err
	case opSettle:
		s, err := c.gate.Settle(ctx, key, fullID(op.requestID), op.quota, price.Use{})
		return result{numbers: [3]int64{s.Charged, s.Shortfall, s.Remain}}, err
	case opRelease:
		r, err := c.gate.Release(ctx, key, fullID(op.requestID))
		return result{numbers: [3]int64{r.Released, r.Remain}}, err
	case opLeak:
		_, err := c.gate.Revoke(ctx, key)
		return result{}, err
	case opUsage:
		u, err := c.gate.Usage(ctx, key, quota.Origin{})
		if err == nil && u.Token.Disabled { // as the HTTP endpoint does
			err = quota.ErrKeyUnknown
		}
		return result{numbers: [3]int64{u.Granted, u.Used, u.Available}}, err
	default:
		return c.callAsOwner(ctx, op)
	}
}

func (c *gateClient) callAsOwner(ctx context.Context, op operation) (result, error) {
	at, id := c.tenant.Access, c.key.TokenID
	var t token.Token
	var err error
	switch op.kind { //nolint:exhaustive // the others are operations with the key
	case opDelete:
		return result{}, c.tenant.Delete(ctx, at, id)
	case opRotateKey:
		rotation, err := c.tenant.NewKeyRotation(ctx, at, id, op.ttlSeconds)
		if err != nil {
			return result{}, err
		}
		rotated, err := c.tenant.Rotate(ctx, at, id, rotation)
		return result{numbers: [3]int64{rotated.FreeAt(op.now), rotated.UsedAt(op.now)}}, err
	case opDisable, opEnable:
		t, err = c.tenant.SetStatus(ctx, at, id, op.kind == opDisable)
	case opSetQuota:
		t, err = c.tenant.Update(ctx, at, id, token.Settings{RemainQuota: &op.quota})
	case opUnlimit, opLimit:
		t, err = c.tenant.Update(ctx, at, id, token.Settings{UnlimitedQuota: new(op.kind == opUnlimit)})
	case opAllowOne:
		t, err = c.tenant.Update(ctx, at, id, token.Settings{ModelLimitsEnabled: new(true), Models: []string{op.model}})
	case opAllowAll:
		t, err = c.tenant.Update(ctx, at, id, token.Settings{ModelLimitsEnabled: new(false)})
	}
	return result{numbers: [3]int64{t.FreeAt(op.now), t.UsedAt(op.now)}}, err
}

// expiryCharge returns what a hold is charged if it expires: a part of its units.
func expiryCharge(op operation) int64 { return op.quota / 3 }

func (c *gateClient) makeHold(ctx context.Context, op operation) (result, error) {
	var r quota.Reservation
	var err error
	c.hold, r, err = c.gate.Hold(ctx, c.key.Reveal(), quota.Question{Model: op.model, Quota: op.quota, ExpiryCharge: expiryCharge(op)}, time.Duration(op.ttlSeconds)*time.Second)
	c.unsure = err != nil
	return refusedResult(r.Reason, r.Held, r.Remain, r.ExpiresAt), err
}

// callHold changes or ends the client's hold. A call whose outcome is unknown is
// repeated, as a gateway does.
func (c *gateClient) callHold(ctx context.Context, op operation) (got result, err error) {
	unknown := error(nil)
	for range 5 {
		switch op.kind { //nolint:exhaustive // only these need the hold
		case opGrowHold:
			var v quota.Verdict
			v, err = c.hold.Grow(ctx, quota.Question{Model: op.model}, op.quota)
			got = refusedResult(v.Reason, v.Remain)
		case opSettleHold:
			var s quota.Settlement
			s, err = c.hold.Settle(ctx, op.quota, price.Use{})
			got = result{numbers: [3]int64{s.Charged, s.Shortfall, s.Remain}}
		default:
			err = c.hold.Release(ctx)
		}
		if unknown != nil && (errors.Is(err, quota.ErrKeyUnknown) || got.code == string(quota.RefusedUnknown)) {
			break // the token was deleted, and what the attempt before did with it
		}
		if errors.Is(err, quota.ErrUncertain) {
			unknown = err
		} else if !errors.Is(err, quota.ErrUnavailable) && !errors.Is(err, quota.ErrContention) {
			return got, err
		}
	}
	if unknown != nil {
		return result{}, unknown
	}
	return result{}, err
}

// refusedResult returns the result of an operation that can be refused.
func refusedResult(why quota.Reason, numbers ...int64) result {
	res := result{code: string(why.Refusal), scope: why.Scope, wait: why.ResetsAt}
	if why.RetryAfter > 0 {
		res.wait = int64((why.RetryAfter + time.Millisecond - 1) / time.Millisecond)
	}
	copy(res.numbers[:], numbers)
	return res
}

// quotaUses returns what a verdict says of the token's windows and model quotas.
func quotaUses(v quota.Verdict) (uses [maxMeters]quotaUse) {
	all := []quotaUse{}
	for _, w := range v.Token.Windows {
		use := v.Token.WindowUse(w, v.At)
		all = append(all, quotaUse{use.Used, use.Remaining, use.ResetsAt})
	}
	for _, q := range v.Token.ModelQuotas {
		use := v.Token.ModelUse(q, v.At)
		all = append(all, quotaUse{used: use.Used, remaining: use.Remaining})
	}
	copy(uses[:], all)
	return uses
}
