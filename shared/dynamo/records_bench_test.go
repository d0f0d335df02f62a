package dynamo_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// BenchmarkRecords reports what the records of requests cost: the size of the
// token's item, and the write units of the next spend, after n requests.
func BenchmarkRecords(b *testing.B) {
	for _, n := range []int{1, 8, 16, 50, 200} {
		for name, request := range map[string]func(context.Context, *gate.Gate, string, string) error{
			"spends":       spendOnce,
			"open_holds":   hold,
			"settlements":  holdAndSettle,
			"plain_spends": func(ctx context.Context, g *gate.Gate, key, _ string) error { return spendOnce(ctx, g, key, "") },
		} {
			if name == "open_holds" && n > quota.MaxOpenHolds {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					measure(b, n, request)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func spendOnce(ctx context.Context, g *gate.Gate, key, id string) error {
	return verdictError(g.Verify(ctx, key, quota.Question{Quota: 1200, RequestID: id}))
}

func hold(ctx context.Context, g *gate.Gate, key, id string) error {
	r, err := g.Reserve(ctx, key, quota.Question{Quota: 1200, RequestID: id}, 0)
	return verdictError(r.Verdict, err)
}

func holdAndSettle(ctx context.Context, g *gate.Gate, key, id string) error {
	if err := hold(ctx, g, key, id); err != nil {
		return err
	}
	_, err := g.Settle(ctx, key, id, 873, price.Use{})
	return err
}

func measure(b *testing.B, n int, request func(context.Context, *gate.Gate, string, string) error) {
	b.Helper()
	kit := dynamotest.New(b)
	tenant := kit.Tenant(b, "busy")
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	made, key, err := tenant.Create(b.Context(), tenant.Access, example())
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		if err := request(b.Context(), g, key.Reveal(), fmt.Sprintf("%022d", i)); err != nil {
			b.Fatal(err)
		}
	}
	ctx, meter := reqlog.WithMeter(b.Context())
	if err := spendOnce(ctx, g, key.Reveal(), ""); err != nil {
		b.Fatal(err)
	}
	out, err := kit.Client.GetItem(b.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(dynamotest.Table), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("T#%d#0", made.UserID)},
			"sk": &types.AttributeValueMemberN{Value: fmt.Sprint(made.ID)},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(itemSize(out.Item)), "bytes")
	b.ReportMetric(meter.Cost().WriteUnits, "WRU/spend")
}
