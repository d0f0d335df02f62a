package dynamo_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestHistoryHasNoSecrets creates, uses, rotates, imports and deletes tokens and access
// tokens, and names a model as a key. No key, access token, hash or sealed key is
// in an item that Fold writes, in any form.
func TestHistoryHasNoSecrets(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	at, tenant := a.tenant.Access, a.tenant
	ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: "r", Address: "192.0.2.1"})
	secrets := map[string]string{}
	addHash := func(name string, hash []byte) {
		secrets[name+", raw"] = string(hash)
		secrets[name+", hex"] = hex.EncodeToString(hash)
		secrets[name+", base64"] = base64.StdEncoding.EncodeToString(hash)
		secrets[name+", base64 for URLs"] = base64.RawURLEncoding.EncodeToString(hash)
	}
	addKey := func(name string, key credential.Key) {
		hash := key.Hash()
		secrets[name] = key.Reveal()
		secrets[name+" without its prefix"] = strings.TrimPrefix(key.Reveal(), credential.KeyPrefix)
		addHash("hash of "+name, hash[:])
	}
	addAccess := func(name string, access credential.AccessToken) {
		hash := access.Hash()
		secrets[name] = access.Reveal()
		addHash("hash of "+name, hash[:])
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	addAccess("access token", at)
	one, key, err := tenant.Create(ctx, at, token.Settings{Name: new("a"), RemainQuota: new(int64(1000))})
	must(err)
	addKey("key", key)
	addHash("sealed key", one.SealedKey.Content)
	g := gate.New(a.Store, gate.WithClock(tenant.Clock.Now))
	_, err = g.Verify(ctx, key.Reveal(), quota.Question{Model: "m", Quota: 5, Use: price.Use{Model: "m"}})
	must(err)
	_, err = tenant.Update(ctx, at, 1, token.Settings{Models: []string{"m", key.Reveal(), "x" + at.Reveal()}, Group: new("vip")})
	must(err)
	rotation, err := tenant.NewKeyRotation(ctx, at, 1, 60)
	must(err)
	rotated, err := tenant.Rotate(ctx, at, 1, rotation)
	must(err)
	addKey("second key", rotation.Key)
	addHash("second sealed key", rotated.SealedKey.Content)
	foreign := credential.ForeignKey(credential.NewSecret("sk-0123456789abcdefghijklmnopqrstuvwxyz"), 0, 0)
	hash := foreign.Hash()
	addKey("foreign key", foreign)
	_, err = a.operator.ImportTokens(ctx, "alice", []token.ForeignToken{{
		Settings: token.Settings{Name: new("old"), RemainQuota: new(int64(5))}, Hash: hash, Mask: foreign.Mask(), From: "litellm",
	}})
	must(err)
	issued, err := a.operator.RotateAccessToken(ctx, "alice", false, time.Hour)
	must(err)
	addAccess("second access token", *issued.Issued)
	must(tenant.Delete(ctx, at, 1))
	_, err = a.operator.Disable(ctx, "alice", false, nil)
	must(err)
	_, err = a.operator.Delete(ctx, "alice", nil)
	must(err)
	a.fold(t)
	folded := foldedItems(t, a.Kit)
	if len(folded) < 12 {
		t.Fatalf("got %d items, want more", len(folded))
	}
	for name, secret := range secrets {
		if len(secret) < 16 {
			t.Fatalf("%s is too short to be looked for: %q", name, secret)
		}
		for _, content := range folded {
			if strings.Contains(content, secret) {
				t.Errorf("%s is in %q", name, content)
			}
		}
	}
}

// foldedItems returns what Fold has written, as texts with all names and values.
func foldedItems(t *testing.T, kit *dynamotest.Kit) (all []string) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(kit.Client, &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			pk, _ := it["pk"].(*types.AttributeValueMemberS)
			if strings.ContainsRune("AYZ", rune(pk.Value[0])) {
				all = append(all, flat(&types.AttributeValueMemberM{Value: it}))
			}
		}
	}
	return all
}

// flat writes a value with all names and values in it.
func flat(value types.AttributeValue) string {
	var b strings.Builder
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		b.WriteString(v.Value)
	case *types.AttributeValueMemberN:
		b.WriteString(v.Value)
	case *types.AttributeValueMemberB:
		b.Write(v.Value)
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			b.WriteString(flat(e) + " ")
		}
	case *types.AttributeValueMemberM:
		for name, e := range v.Value {
			b.WriteString(name + " " + flat(e) + " ")
		}
	default:
		fmt.Fprint(&b, v)
	}
	return b.String()
}
