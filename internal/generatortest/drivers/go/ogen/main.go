// Ogen uses the client that ogen generates.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"example.com/clients/ogen/latchkey"
)

const most = 1<<53 - 1 // the largest integer of the API

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	who := &credentials{access: os.Getenv("ACCESS_TOKEN")}
	client, err := latchkey.NewClient(os.Getenv("URL"), who)
	if err != nil {
		return err
	}

	created, err := client.Create(ctx, &latchkey.TokenInput{
		Name: "production-app", RemainQuota: latchkey.NewOptNilInt64(5000), ModelLimitsEnabled: latchkey.NewOptNilBool(true),
		Models: latchkey.NewOptTokenInputModels(latchkey.NewStringArrayTokenInputModels([]string{"gpt-4o"})),
	}, latchkey.CreateParams{})
	answer, ok := created.(*latchkey.NewTokenAnswerHeaders)
	if !ok {
		return fmt.Errorf("create: %T, %v", created, err)
	}
	made := answer.Response.Data
	if !strings.HasPrefix(made.Key, "sk-") || made.RemainQuota != 5000 || !slices.Equal(made.Models, []string{"gpt-4o"}) {
		return fmt.Errorf("create: got %d units and the models %q", made.RemainQuota, made.Models)
	}
	if want := fmt.Sprintf("/api/token/%d", made.ID); answer.Location != want {
		return fmt.Errorf("create: the location is %q, want %q", answer.Location, want)
	}
	who.key = made.Key

	listed, err := client.List(ctx, latchkey.ListParams{Ps: latchkey.NewOptInt(20)})
	pages, ok := listed.(*latchkey.TokenPageAnswerHeaders)
	if !ok {
		return fmt.Errorf("list: %T, %v", listed, err)
	}
	if page := pages.Response.Data; page.PageSize != 20 || page.Items[0].ID != made.ID {
		return fmt.Errorf("list: got %d on a page, and the newest is %d", page.PageSize, page.Items[0].ID)
	}

	got, err := client.Get(ctx, latchkey.GetParams{ID: made.ID})
	shown, ok := got.(*latchkey.TokenAnswerHeaders)
	if !ok {
		return fmt.Errorf("get: %T, %v", got, err)
	}
	if t := shown.Response.Data; t.Key == made.Key || t.Name != "production-app" || t.ExpiredTime != -1 {
		return fmt.Errorf("get: got the name %q", t.Name)
	}

	updated, err := client.Update(ctx, &latchkey.UpdateInput{
		ID: made.ID, Name: latchkey.NewOptNilString("renamed"), RemainQuota: latchkey.NewOptNilInt64(most),
	}, latchkey.UpdateParams{IfMatch: latchkey.NewOptString(shown.Etag)})
	changed, ok := updated.(*latchkey.TokenAnswerHeaders)
	if !ok {
		return fmt.Errorf("update: %T, %v", updated, err)
	}
	if t := changed.Response.Data; t.Name != "renamed" || t.RemainQuota != most {
		return fmt.Errorf("update: got the name %q and %d units", t.Name, t.RemainQuota)
	}

	verified, err := client.Verify(ctx, latchkey.NewOptVerifyInput(latchkey.VerifyInput{Model: latchkey.NewOptNilString("gpt-4o"), Quota: latchkey.NewOptNilInt64(7)}))
	verdict, ok := verified.(*latchkey.VerdictAnswerHeaders)
	if !ok {
		return fmt.Errorf("verify: %T, %v", verified, err)
	}
	if v := verdict.Response.Data; !v.Valid || v.RemainQuota.Value != most-7 {
		return fmt.Errorf("verify: got %t and %d units", v.Valid, v.RemainQuota.Value)
	}
	refused, err := client.Verify(ctx, latchkey.NewOptVerifyInput(latchkey.VerifyInput{Model: latchkey.NewOptNilString("o9")}))
	if verdict, ok = refused.(*latchkey.VerdictAnswerHeaders); !ok {
		return fmt.Errorf("verify another model: %T, %v", refused, err)
	}
	if v := verdict.Response.Data; v.Valid || v.Code != latchkey.VerdictCodeModelNotAllowed {
		return fmt.Errorf("verify another model: got %t and %q", v.Valid, v.Code)
	}

	bad, err := client.Create(ctx, &latchkey.TokenInput{Name: "late", ExpiredTime: latchkey.NewOptNilInt64(1)}, latchkey.CreateParams{})
	invalid, ok := bad.(*latchkey.InvalidBodyHeaders)
	if !ok {
		return fmt.Errorf("create an expired token: %T, %v", bad, err)
	}
	if f := invalid.Response; f.Code != latchkey.CodeInvalidParameter || !strings.HasPrefix(f.Message, "expired_time is in the past") {
		return fmt.Errorf("create an expired token: got %s %q", f.Code, f.Message)
	}

	deleted, err := client.Delete(ctx, latchkey.DeleteParams{ID: made.ID})
	if _, ok := deleted.(*latchkey.NothingAnswerHeaders); !ok {
		return fmt.Errorf("delete: %T, %v", deleted, err)
	}
	gone, err := client.Get(ctx, latchkey.GetParams{ID: made.ID})
	if f, ok := gone.(*latchkey.TokenNotFoundHeaders); !ok || f.Response.Code != latchkey.CodeTokenNotFound {
		return fmt.Errorf("get after delete: %T, %v", gone, err)
	}
	return nil
}

// credentials are those of the requests.
type credentials struct{ access, key string }

func (c *credentials) AccessToken(context.Context, latchkey.OperationName) (latchkey.AccessToken, error) {
	return latchkey.AccessToken{Token: c.access}, nil
}

func (c *credentials) Key(context.Context, latchkey.OperationName) (latchkey.Key, error) {
	return latchkey.Key{Token: c.key}, nil
}
