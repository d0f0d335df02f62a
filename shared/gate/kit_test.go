package gate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An opKind is what a client does with one token.
type opKind string

// Operations with the key.
const (
	opCheck   opKind = "check"
	opSpend   opKind = "spend"
	opReserve opKind = "reserve"
	opSettle  opKind = "settle"
	opRelease opKind = "release"
	opUsage   opKind = "usage"
	opLeak    opKind = "revoke"
)

// Operations with a hold that no other client knows. Only the package itself has
// them; over HTTP they are not done.
const (
	opHold        opKind = "hold"
	opGrowHold    opKind = "grow the hold"
	opSettleHold  opKind = "settle the hold"
	opReleaseHold opKind = "release the hold"
)

// ownHolds is how many clients of a history have a hold of their own.
const ownHolds = 8

// Operations of the token's owner.
const (
	opDelete    opKind = "delete"
	opDisable   opKind = "disable"
	opEnable    opKind = "enable"
	opSetQuota  opKind = "set the free quota"
	opUnlimit   opKind = "unlimit"
	opLimit     opKind = "limit"
	opAllowOne  opKind = "allow one model"
	opAllowAll  opKind = "allow all models"
	opRotateKey opKind = "rotate" // the old key works for ttlSeconds
)

// An operation is a kind with its arguments.
type operation struct {
	kind       opKind
	requestID  string // see fullID
	own        int    // of the client's own hold: its number, from 0
	quota      int64
	model      string
	ttlSeconds int64
	chargeable int64     // of a settlement: 1 more than what the user's wallet lets it charge; 0 without a wallet
	now        int64     // the Unix second of the client's clock
	at         time.Time // the exact time of the client's clock; zero if that is the tenant's
}

// startedAt returns the operation at a time of the client's clock.
func (op operation) startedAt(t time.Time) operation {
	op.at, op.now = t, t.Unix()
	return op
}

// unixNano returns the time of the client's clock in Unix nanoseconds.
func (op operation) unixNano() int64 {
	if op.at.IsZero() {
		return op.now * int64(time.Second)
	}
	return op.at.UnixNano()
}

func (op operation) String() string {
	return fmt.Sprintf("%s id=%q own=%d quota=%d model=%q ttl=%d at %+d", op.kind, op.requestID, op.own, op.quota, op.model, op.ttlSeconds, op.now-dynamotest.Epoch)
}

// fullID returns a request id of the length that is required. Tests use short
// names instead.
func fullID(name string) string {
	if name == "" {
		return ""
	}
	return name + "-0123456789abcdefghijk"
}

// A result is the result of an operation, in the same form for every client: a
// code, which is empty for success, and the numbers of that kind of operation.
type result struct {
	code    string
	scope   string // what refused for lack of quota or because of a rate
	wait    int64  // of such a refusal: the second at which the window renews, or the milliseconds until the rate allows it
	numbers [3]int64
	quotas  [maxMeters]quotaUse // of a check: the token's windows, then its model quotas
}

// A quotaUse is what a client sees of a window or of a model quota.
type quotaUse struct{ used, remaining, resetsAt int64 }

// anyNumber in a result stands for a number that is not checked.
const anyNumber = -1

// An outcome says what is known about an operation.
type outcome int

const (
	known     outcome = iota // it was done or refused, as the result says
	notDone                  // it was not done
	uncertain                // it was done or not
)

// A client carries out operations on one token.
type client interface {
	do(ctx context.Context, op operation) (result, outcome, error)
}

// A newClientsFunc returns a constructor of clients for the tokens of a tenant.
// They have their own connections and, for HTTP, their own server, like another
// process.
type newClientsFunc func(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, tweaks ...func(*dynamodb.Options)) func(credential.Key) client

// eachTransport runs a test with the package itself and over HTTP.
func eachTransport(t *testing.T, test func(t *testing.T, newClients newClientsFunc)) {
	t.Helper()
	for name, newClients := range map[string]newClientsFunc{"gate": newGateClients, "http": newHTTPClients} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newClients)
		})
	}
}

// newTenant starts an engine and creates a tenant with one token.
func newTenant(t testing.TB, settings token.Settings) (*dynamotest.Kit, *dynamotest.Tenant, credential.Key) {
	t.Helper()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "tenant")
	return kit, tenant, newToken(t, tenant, settings)
}

func newToken(t testing.TB, tenant *dynamotest.Tenant, settings token.Settings) credential.Key {
	t.Helper()
	settings.Name = new("any")
	_, key, err := tenant.Create(t.Context(), tenant.Access, settings)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// mustDo carries out an operation. It repeats it until the outcome is known.
func mustDo(t testing.TB, c client, op operation) result {
	t.Helper()
	for {
		got, outcome, err := c.do(t.Context(), op)
		switch {
		case err != nil || outcome == uncertain && op.kind == opSpend && op.requestID == "":
			t.Errorf("%s: got no result: %v", op, err)
			return result{code: "none"}
		case outcome == known:
			return got
		}
	}
}

// seeded returns a random generator that depends only on a stream and a seed.
func seeded(stream, seed int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(stream), uint64(seed))) //nolint:gosec // nothing here is secret, nor negative
}

func oneOf[T any](random *rand.Rand, all ...T) T { return all[random.IntN(len(all))] }
