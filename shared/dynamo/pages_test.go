package dynamo_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Every page, and every walk, matches a plain list of ids under random
// deletions.
func TestPagesMatchModel(t *testing.T) {
	t.Parallel()
	for _, size := range []struct {
		name            string
		given           int64
		percent, rounds int // deleted before the start; rounds of deletions and 100 pages each
	}{
		{"one bucket", 200, 0, 10},
		{"some buckets", 1_500, 10, 20},
		{"two segments", pages.SegmentSize + 3_000, 60, 20},
	} {
		t.Run(size.name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "reader")
			random := seeded(2, int(size.given))
			var live []int64
			load(t, kit, tenant, size.given, func(id int64) bool {
				if random.IntN(100) < size.percent {
					return true
				}
				live = append(live, id)
				return false
			})
			rounds := size.rounds
			if testing.Short() {
				rounds /= 5
			}
			for range rounds {
				for range random.IntN(15) {
					victim := random.IntN(len(live))
					if err := tenant.Delete(t.Context(), tenant.Access, live[victim]); err != nil {
						t.Fatalf("delete %d: %v", live[victim], err)
					}
					live = slices.Delete(live, victim, victim+1)
				}
				for range 100 {
					limit := 1 + random.Int64N(1+random.Int64N(100))    // small pages more often
					page := 1 + random.Int64N(int64(len(live))/limit+2) // sometimes past the end
					got := mustList(t, tenant, page, limit)
					if diff := cmp.Diff(naivePage(live, page, limit), idsOf(got)); diff != "" || got.Total != int64(len(live)) {
						t.Fatalf("page %d of %d: got total %d, want %d; ids -want +got:\n%s", page, limit, got.Total, len(live), diff)
					}
				}
			}
			slices.Reverse(live)
			for _, limit := range []int64{7, 10, 100} {
				for _, got := range [][]int64{walk(t, tenant, limit), walkFromPage(t, tenant, limit)} {
					if diff := cmp.Diff(live, got); diff != "" {
						t.Errorf("a walk by pages of %d -want +got:\n%s", limit, diff)
					}
				}
			}
			kit.Audit(t, tenant.Access.UserID)
		})
	}
}

// Next is 0 on the page that has the last token.
func TestListAfterEnds(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "reader")
	mustCreate(t, tenant, 6)
	for _, c := range []struct {
		after, size, next int64
		ids               []int64
	}{
		{7, 3, 4, []int64{6, 5, 4}},
		{4, 3, 0, []int64{3, 2, 1}},
		{7, 6, 0, []int64{6, 5, 4, 3, 2, 1}},
		{2, 5, 0, []int64{1}},
		{1, 5, 0, []int64{}},
		{token.MaxInteger, 1, 6, []int64{6}},
	} {
		got, err := tenant.ListAfter(t.Context(), tenant.Access, c.after, c.size)
		if err != nil || !slices.Equal(idsOf(got), c.ids) || got.Next != c.next || got.Total != 6 {
			t.Errorf("%d after %d: got %v next %d total %d (%v), want %v next %d total 6", c.size, c.after, idsOf(got), got.Next, got.Total, err, c.ids, c.next)
		}
	}
}

// A walk visits every remaining token even if tokens that it is about to read
// are deleted.
func TestListAfterDuringDeletes(t *testing.T) {
	t.Parallel()
	t.Run("from_an_id", func(t *testing.T) { listDuringDeletes(t, walk) })
	t.Run("from_a_page", func(t *testing.T) { listDuringDeletes(t, walkFromPage) })
}

func listDuringDeletes(t *testing.T, read func(testing.TB, *dynamotest.Tenant, int64) []int64) {
	t.Parallel()
	for _, gone := range [][]int64{{259, 260}, {255, 257, 258, 259, 260}, {251, 252, 253, 254, 255, 256, 257, 258, 259, 260}} {
		kit := newKit(t)
		tenant := kit.Tenant(t, "reader")
		load(t, kit, tenant, pages.BucketSize+4, nil)
		deleter := &interrupter{op: "Query", act: sync.OnceFunc(func() {
			for _, id := range gone {
				if err := tenant.Delete(t.Context(), tenant.Access, id); err != nil {
					t.Errorf("delete %d: %v", id, err)
				}
			}
		})}
		walker := tenant.WithStore(kit.StoreWith(deleter.configure))
		ids := read(t, walker, 5)
		slices.Sort(ids)
		if want := kit.Audit(t, tenant.Access.UserID).IDs; !slices.Equal(ids, want) {
			t.Errorf("%v deleted during the walk: it visits %d tokens, want the %d that are left", gone, len(ids), len(want))
		}
	}
}

// A user without tokens has empty pages.
func TestEmptyList(t *testing.T) {
	t.Parallel()
	tenant := newKit(t).Tenant(t, "reader")
	for _, page := range []int64{1, 2, 1_000_000} {
		if got := mustList(t, tenant, page, 10); got.Total != 0 || len(got.Tokens) != 0 {
			t.Errorf("page %d: got %+v, want nothing", page, got)
		}
	}
	if ids := walk(t, tenant, 10); len(ids) != 0 {
		t.Errorf("a walk visits %v, want nothing", ids)
	}
}

// A barrier lets queries of token partitions pass only when all of them have
// arrived.
type barrier struct {
	next     dynamodb.HTTPClient
	expected int

	mu      sync.Mutex
	reached chan struct{}
	n       int
}

func (b *barrier) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte("T#1#")) {
		return b.next.Do(r)
	}
	b.mu.Lock()
	if b.n++; b.n == b.expected {
		close(b.reached)
	}
	b.mu.Unlock()
	select {
	case <-b.reached:
		return b.next.Do(r)
	case <-time.After(time.Minute):
		return nil, errors.New("not all queries arrived")
	}
}

// The buckets of a page are read at the same time.
func TestBucketsAreReadInParallel(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "reader")
	const buckets = 8
	load(t, kit, tenant, buckets*pages.BucketSize, func(id int64) bool { return id%pages.BucketSize != 0 })
	m := &barrier{expected: buckets, reached: make(chan struct{})}
	slow := tenant.WithStore(kit.StoreWith(func(o *dynamodb.Options) { m.next, o.HTTPClient = o.HTTPClient, m }))
	if got := len(mustList(t, slow, 1, 10).Tokens); got != buckets {
		t.Errorf("got %d tokens, want one from each of %d buckets", got, buckets)
	}
}

// A list shows no token of another user.
func TestListShowsOwnTokensOnly(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	var tenants [12]int // user 1's partitions begin like those of 10 and 11
	for i := range tenants {
		tenant := kit.Tenant(t, fmt.Sprint("user", i))
		mustCreate(t, tenant, i+1)
		page := mustList(t, tenant, 1, 100)
		if page.Total != int64(i+1) || len(page.Tokens) != i+1 {
			t.Errorf("user %d: got %d tokens of %d, want %d", tenant.Access.UserID, len(page.Tokens), page.Total, i+1)
		}
		for _, tok := range page.Tokens {
			if tok.UserID != tenant.Access.UserID {
				t.Errorf("user %d sees a token of %d", tenant.Access.UserID, tok.UserID)
			}
		}
	}
}
