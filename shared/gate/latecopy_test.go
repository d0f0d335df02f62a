package gate_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A slowNetwork delays writes: the caller gets a time-out, and the write arrives
// when the test says so.
type slowNetwork struct {
	next  dynamodb.HTTPClient
	delay int // how many of the next writes
	late  []*http.Request
}

func (n *slowNetwork) configure(o *dynamodb.Options) { n.next, o.HTTPClient = o.HTTPClient, n }

func (n *slowNetwork) Do(r *http.Request) (*http.Response, error) {
	if n.delay == 0 || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), dynamotest.UpdateItem) {
		return n.next.Do(r)
	}
	n.delay--
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	late := r.Clone(r.Context())
	late.Body = io.NopCloser(bytes.NewReader(body))
	n.late = append(n.late, late)
	return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: os.ErrDeadlineExceeded}
}

// arrive delivers the delayed writes. It returns how many were applied.
func (n *slowNetwork) arrive(t *testing.T) (applied int) {
	t.Helper()
	for _, r := range n.late {
		resp, err := n.next.Do(r.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			applied++
		}
	}
	n.late = nil
	return applied
}

// A write that arrives after its request has ended neither holds nor charges
// anything: the request was told a time-out, and went on without that write.
func TestLateWrites(t *testing.T) {
	t.Parallel()
	const granted, held, units = 100, 40, 30
	newGate := func(t *testing.T) (*gate.Gate, *slowNetwork, credential.Key) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(granted))})
		network := &slowNetwork{}
		store := dynamo.New(dynamotest.Client(kit.Endpoint, network.configure), dynamotest.Table)
		return gate.New(store, gate.WithClock(tenant.Clock.Now)), network, key
	}
	late := func(t *testing.T, g *gate.Gate, network *slowNetwork, key credential.Key, writes int, used int64) {
		t.Helper()
		if got := len(network.late); got != writes {
			t.Fatalf("%d writes are late, want %d", got, writes)
		}
		if n := network.arrive(t); n != 0 {
			t.Errorf("%d late writes were applied, want none", n)
		}
		wantBalance(t, g, key, granted, used)
	}
	t.Run("reservation/settled", func(t *testing.T) {
		t.Parallel()
		g, network, key := newGate(t)
		network.delay = 2
		h := mustHold(t, t.Context(), g, key, held)
		if _, err := h.Settle(t.Context(), units, price.Use{}); err != nil {
			t.Fatal(err)
		}
		late(t, g, network, key, 2, units)
	})
	t.Run("reservation/given_up", func(t *testing.T) {
		t.Parallel()
		g, network, key := newGate(t)
		network.delay = 3
		h, _, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: held}, 0)
		if !errors.Is(err, quota.ErrUncertain) || h == nil {
			t.Fatalf("got %v, %v, want a hold that may exist", h, err)
		}
		for range 2 {
			if err := h.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		late(t, g, network, key, 3, 0)
	})
	t.Run("settlement", func(t *testing.T) {
		t.Parallel()
		g, network, key := newGate(t)
		h := mustHold(t, t.Context(), g, key, held)
		network.delay = 2
		if s, err := h.Settle(t.Context(), units, price.Use{}); err != nil || s.Charged != units {
			t.Fatalf("settle: got %+v, %v", s, err)
		}
		late(t, g, network, key, 2, units)
	})
	t.Run("growth", func(t *testing.T) {
		t.Parallel()
		g, network, key := newGate(t)
		h := mustHold(t, t.Context(), g, key, held)
		network.delay = 2
		if v, err := h.Grow(t.Context(), quota.Question{}, held+10); err != nil || !v.Valid() {
			t.Fatalf("grow: got %+v, %v", v, err)
		}
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		late(t, g, network, key, 2, 0)
	})
}
