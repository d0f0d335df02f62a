package main_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

//nolint:gochecknoglobals // flags of the test
var (
	manyRequests = flag.Int64("requests", 2_000, "how many requests TestServeFoldsManyRequests charges")
	manyKeys     = flag.Int64("keys", 20, "on how many keys TestServeFoldsManyRequests charges them")
	manyMinutes  = flag.Int64("minutes", 60, "after how many minutes TestServeFoldsManyRequests charges no more")
)

// TestServeFoldsManyRequests charges requests of several models on many keys as fast as
// the engine takes them, while serve folds. The history of each key is what it was
// charged. It logs how far the history was behind, the memory, and the sizes of items;
// docs/data-plane.md has them for a million requests.
func TestServeFoldsManyRequests(t *testing.T) {
	s := tokenctltest.Serve(t, append(anyPort(t.TempDir()), "TABLE_NAME="+dynamotest.Table))
	store := dynamo.New(dynamotest.Client(s.Endpoint), dynamotest.Table)
	l := newLoad(t, store, *manyKeys)
	sampling, stop := context.WithCancel(t.Context())
	var sampler sync.WaitGroup
	sampler.Go(func() { l.sample(sampling) })
	started := time.Now()
	charged := l.charge(t, *manyRequests)
	took := time.Since(started)
	stop()
	sampler.Wait()
	l.waitForHistory(t)
	caughtUp := time.Since(started) - took
	t.Logf("%d requests on %d keys in %.0f s: %.0f a second", charged, *manyKeys, took.Seconds(), float64(charged)/took.Seconds())
	slices.Sort(l.behind)
	if n := len(l.behind); n > 0 {
		t.Logf("behind by %d s (median), %d s (largest of %d samples); %.1f s after the last request everything was counted", l.behind[n/2], l.behind[n-1], n, caughtUp.Seconds())
	}
	t.Logf("memory of serve: %s at most", peakMemory(t, s.Cmd.Process.Pid))
	logSizes(t, s.Endpoint)
}

// A load is many keys of one user, and what was charged to each by model.
type load struct {
	store   *dynamo.Store
	userID  int64
	keys    []string
	charged []map[string]*counted
	behind  []int64 // samples, in seconds
}

type counted struct{ requests, units, inputTokens, nanoDollars atomic.Int64 }

func loadModels() []string { return []string{"gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"} }

func newLoad(t *testing.T, store *dynamo.Store, keys int64) *load {
	t.Helper()
	users := &token.UserService{Store: store, Now: time.Now}
	user, access, err := users.Create(t.Context(), "load", token.RoleUser, 0)
	if err == nil {
		_, err = users.SetLimits(t.Context(), "load", dynamotest.RemoveLimits)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := &load{store: store, userID: user.ID}
	service := &token.Service{Store: store, Now: time.Now}
	for i := range keys {
		all, err := service.Create(t.Context(), access, []token.Settings{{Name: new(fmt.Sprint("key ", i)), UnlimitedQuota: new(true)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.keys = append(l.keys, all[0].Key.Reveal())
		models := map[string]*counted{}
		for _, model := range loadModels() {
			models[model] = new(counted)
		}
		l.charged = append(l.charged, models)
	}
	return l
}

// charge makes requests on one key after the other, with four workers for each processor,
// and returns how many.
func (l *load) charge(t *testing.T, requests int64) (charged int64) {
	t.Helper()
	g, keys, models := gate.New(l.store), int64(len(l.keys)), loadModels()
	last := time.Now().Add(time.Duration(*manyMinutes) * time.Minute)
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range 4 * runtime.NumCPU() {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < requests && !t.Failed() && time.Now().Before(last); i = next.Add(1) - 1 {
				model := models[i/keys%int64(len(models))]
				use := price.Use{Model: model, Usage: price.Usage{InputTokens: 900 + i%99, OutputTokens: 300}, NanoDollars: 1_000_000 + i%1_000}
				units := 1 + i%1_000
				v, err := g.Verify(t.Context(), l.keys[i%keys], quota.Question{Model: model, Quota: units, Use: use})
				if err != nil || !v.Valid() {
					t.Errorf("request %d: got %+v, %v", i, v.Reason, err)
					return
				}
				c := l.charged[i%keys][model]
				c.requests.Add(1)
				c.units.Add(units)
				c.inputTokens.Add(use.InputTokens)
				c.nanoDollars.Add(use.NanoDollars)
				done.Add(1)
			}
		})
	}
	workers.Wait()
	return done.Load()
}

// historyOf returns what the history of a token adds up to, and the Unix second of the
// newest request that is counted.
func (l *load) historyOf(ctx context.Context, id int64) (sum history.Tally, through int64, err error) {
	now := time.Now().Unix()
	span := history.Span{From: now - history.DaySeconds, To: now + history.HourSeconds}
	err = l.store.EachOfToken(ctx, token.Address{UserID: l.userID, ID: id}, span, func(p history.Period) {
		sum.Merge(p.Tally)
		through = max(through, p.Through)
	})
	return sum, through, err
}

// sample looks once a second how far the history of a key is behind. All keys are used
// all the time, so it is as old as the newest request that is counted.
func (l *load) sample(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := int64(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, through, err := l.historyOf(ctx, 1+n*7%int64(len(l.keys))); err == nil && through > 0 {
			l.behind = append(l.behind, time.Now().Unix()-through)
		}
	}
}

// waitForHistory waits until the histories of all keys are what was charged.
func (l *load) waitForHistory(t *testing.T) {
	t.Helper()
	for i, models := range l.charged {
		want := map[string]price.Use{}
		for model, c := range models {
			want[model] = price.Use{Model: model, Requests: c.requests.Load(), Units: c.units.Load(), NanoDollars: c.nanoDollars.Load(), Usage: price.Usage{
				InputTokens: c.inputTokens.Load(), OutputTokens: 300 * c.requests.Load(),
			}}
		}
		var last string
		counted := func() bool {
			sum, _, err := l.historyOf(t.Context(), int64(i)+1)
			last = cmp.Diff(want, sum.Models)
			return err == nil && last == ""
		}
		for deadline := time.Now().Add(10 * time.Minute); !counted(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the history of key %d is not what it was charged (-charged +history):\n%s", i+1, last)
			}
		}
	}
}

// peakMemory returns the largest resident memory of a process so far.
func peakMemory(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return "not known on this system"
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("got %s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(kilobytes/1024, " MiB")
}

// logSizes logs the sizes of the items that are written while keys are used.
func logSizes(t *testing.T, endpoint string) {
	t.Helper()
	kinds := map[byte]string{'T': "TOKEN", 'Y': "HOUR", 'Z': "DAY"}
	sizes := map[string][]int{}
	pages := dynamodb.NewScanPaginator(dynamotest.Client(endpoint), &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			if pk, ok := it["pk"].(*types.AttributeValueMemberS); ok && kinds[pk.Value[0]] != "" {
				kind := kinds[pk.Value[0]]
				sizes[kind] = append(sizes[kind], dynamotest.ItemSize(it))
			}
		}
	}
	for kind, all := range sizes {
		sum := 0
		for _, n := range all {
			sum += n
		}
		t.Logf("%d %s items: %d bytes on average, %d at most", len(all), kind, sum/len(all), slices.Max(all))
	}
}
