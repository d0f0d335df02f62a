package dynamo_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// BenchmarkHedge compares a client that sends slow reads again with one that does not,
// by turns, while a share of the answers comes 200 ms late.
//
//	go test -run '^$' -bench Hedge -benchtime 1500x ./shared/dynamo
func BenchmarkHedge(b *testing.B) {
	kit := dynamotest.New(b)
	tenant := kit.Tenant(b, "caller")
	made, key, err := tenant.Create(b.Context(), tenant.Access, token.Settings{Name: new("one"), UnlimitedQuota: new(true)})
	if err != nil {
		b.Fatal(err)
	}
	for _, op := range []struct {
		name string
		do   func(*dynamo.Store) error
	}{
		{"get", func(s *dynamo.Store) error {
			_, err := tenant.WithStore(s).Get(b.Context(), tenant.Access, made.ID)
			return err
		}},
		{"check", func(s *dynamo.Store) error {
			_, err := s.Lookup(b.Context(), key, tenant.UnixNow())
			return err
		}},
	} {
		for _, percent := range []float64{0, 0.5, 1, 2} {
			b.Run(fmt.Sprintf("%s/late=%g%%", op.name, percent), func(b *testing.B) {
				plain, hedged := newTail(b, kit, percent), newTail(b, kit, percent, dynamo.Hedge(time.Now))
				for b.Loop() {
					plain.measure(b, op.do)
					hedged.measure(b, op.do)
				}
				plain.report(b, "plain")
				hedged.report(b, "hedged")
				calls := float64(len(hedged.took))
				b.ReportMetric(100*(float64(hedged.attempts.Load())-calls)/calls, "extra-%")
			})
		}
	}
}

// A tail measures how long the calls of one store take.
type tail struct {
	store    *dynamo.Store
	attempts atomic.Int64
	took     []time.Duration
}

func newTail(b *testing.B, kit *dynamotest.Kit, percent float64, options ...func(*dynamodb.Options)) *tail {
	b.Helper()
	s, random := new(tail), rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	faults := &dynamotest.Faults{Delay: 200 * time.Millisecond, Choose: func(string, int) dynamotest.Fault {
		s.attempts.Add(1)
		if random.Float64() < percent/100 {
			return dynamotest.Late
		}
		return dynamotest.NoFault
	}}
	s.store = dynamo.New(dynamotest.ProductClient(faults.Listen(b, kit.Endpoint), options...), dynamotest.Table)
	return s
}

func (s *tail) measure(b *testing.B, do func(*dynamo.Store) error) {
	begun := time.Now()
	if err := do(s.store); err != nil {
		b.Fatal(err)
	}
	s.took = append(s.took, time.Since(begun))
}

func (s *tail) report(b *testing.B, name string) {
	slices.Sort(s.took)
	for _, percentile := range []float64{50, 99, 99.9} {
		at := s.took[int(float64(len(s.took)-1)*percentile/100)]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("%s-p%g-ms", name, percentile))
	}
}
