package dynamo_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// TestHistoryHasNoSecrets creates, uses, rotates, imports, leaks and deletes tokens, access
// tokens and webhooks, and sends each secret as a name of a model, of a token and of a
// group. No form of a secret is in a record of the stream or in an item that Fold writes,
// except where ARCHITECTURE.md says so, and none at all in an event.
func TestHistoryHasNoSecrets(t *testing.T) {
	t.Parallel()
	w := &secretWorld{audited: newAudited(t), secrets: capture.Secrets{}}
	w.gate = gate.New(w.Store, gate.WithClock(w.tenant.Clock.Now), gate.WithForeignKeys(w.Store))
	ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: "r", Address: "192.0.2.1"})
	key := w.makeSecrets(ctx, t)
	for name, secret := range w.secrets {
		w.misplace(ctx, t, key, name, secret)
	}
	w.end(ctx, t, key)

	records := w.fold(t)
	found := map[string]bool{}
	search := func(where string, it item) {
		for _, leak := range dynamotest.FindSecrets(it, w.secrets) {
			found[where+": "+leak] = true
		}
	}
	for _, r := range records {
		for _, image := range []item{r.Before, r.After} {
			if len(image) > 0 {
				search("the stream", image)
			}
		}
	}
	pages := dynamodb.NewScanPaginator(w.Client, &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	written := map[byte]int{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			pk, _ := it[dynamo.PartitionKey].(*types.AttributeValueMemberS)
			written[pk.Value[0]]++
			search("the table", it)
		}
	}
	for _, kind := range []byte("AYZ") {
		if written[kind] == 0 {
			t.Errorf("Fold wrote no item %c", kind)
		}
	}
	events := eventsOf(t, records)
	if len(events) < 10 {
		t.Errorf("got %d events, want more", len(events))
	}
	for _, e := range events {
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, leak := range w.secrets.Find(string(raw)) {
			found[fmt.Sprintf("event %s: %s", e.Type, leak)] = true
		}
	}
	for leak := range found {
		t.Error(leak)
	}
}

// A secretWorld makes secrets.
type secretWorld struct {
	*audited
	gate    *gate.Gate
	secrets capture.Secrets
}

// makeSecrets makes secrets of each kind, and returns the key of token 1.
func (w *secretWorld) makeSecrets(ctx context.Context, t *testing.T) (key string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at, tenant := w.tenant.Access, w.tenant
	w.secrets["access token"] = at.Reveal()
	_, first, err := tenant.Create(ctx, at, token.Settings{Name: new("a"), RemainQuota: new(int64(1000))})
	must(err)
	rotation, err := tenant.NewKeyRotation(ctx, at, 1, 60)
	must(err)
	rotated, err := tenant.Rotate(ctx, at, 1, rotation)
	must(err)
	w.secrets["key"], w.secrets["rotated key"] = first.Reveal(), rotated.Key.Reveal()
	var imported []token.ForeignToken
	for i, plain := range []string{"sk-0123456789abcdefghijklmnopqrstuvwxyz", "prefix_9876543210zyxwvutsrqponmlkjihgfedcba"} {
		foreign := credential.ForeignKey(credential.NewSecret(plain), 0, 0)
		w.secrets[fmt.Sprint("foreign key ", i)] = plain
		imported = append(imported, token.ForeignToken{
			Settings: token.Settings{Name: new("old"), RemainQuota: new(int64(500))}, Hash: foreign.Hash(), Mask: foreign.Mask(), From: "litellm",
		})
	}
	_, err = w.operator.ImportTokens(ctx, "alice", imported)
	must(err)
	issued, err := w.operator.RotateAccessToken(ctx, "alice", false, time.Hour)
	must(err)
	w.secrets["second access token"] = issued.Issued.Reveal()
	hooks := &webhook.Service{Store: w.Store, Now: tenant.Clock.Now, Rules: webhook.Rules{Loopback: true}}
	made, other := webhook.NewSecret(), webhook.NewSecret()
	w.secrets["webhook"], w.secrets["rotated webhook"] = made.Reveal(), other.Reveal()
	e, err := hooks.Create(ctx, at, webhook.Settings{URL: new("https://example.com/hook?key=" + first.Reveal())}, made)
	must(err)
	_, err = hooks.Rotate(ctx, at, e.ID, other)
	must(err)
	_, err = hooks.Update(ctx, at, e.ID, webhook.Settings{URL: new("https://example.com/hook?key=" + rotated.Key.Reveal()), Disabled: new(true)})
	must(err)
	must(hooks.Delete(ctx, at, e.ID))
	return rotated.Key.Reveal()
}

// misplace sends a secret where it does not belong: one that can be recognized in names,
// any other as a key.
func (w *secretWorld) misplace(ctx context.Context, t *testing.T, key, name, secret string) {
	t.Helper()
	at := w.tenant.Access
	_, _ = w.gate.Verify(ctx, secret, quota.Question{Model: "m", Quota: 1, Use: price.Use{Model: "m"}})
	if credential.Find(secret, 0) == "" {
		return
	}
	settings := token.Settings{Models: []string{"*", secret}, Group: new(secret[:min(len(secret), token.MaxGroupLength)])}
	if len(secret) <= token.MaxNameLength {
		settings.Name = new(secret)
	}
	if _, err := w.tenant.Update(ctx, at, 1, settings); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if v, err := w.gate.Verify(ctx, key, quota.Question{Model: secret, Quota: 1}); err != nil || !v.Valid() {
		t.Fatalf("%s: got %+v, %v", name, v, err)
	}
	for _, settle := range []bool{true, false} {
		r, err := w.gate.Reserve(ctx, key, quota.Question{Model: secret, Quota: 2}, 0)
		if err == nil && settle {
			_, err = w.gate.Settle(ctx, key, r.RequestID, 1, price.Use{})
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// end revokes, deletes and disables.
func (w *secretWorld) end(ctx context.Context, t *testing.T, key string) {
	t.Helper()
	_, err := w.gate.Revoke(ctx, key)
	if err == nil {
		err = w.tenant.Delete(ctx, w.tenant.Access, 1)
	}
	if err == nil {
		_, err = w.operator.Disable(ctx, "alice", false, nil)
	}
	if err == nil {
		_, err = w.operator.Delete(ctx, "alice", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}
