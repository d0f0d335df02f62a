// Oapi uses the client that oapi-codegen generates.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"example.com/clients/oapi/latchkey"
)

const most = 1<<53 - 1 // the largest integer of the API

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	client, err := latchkey.NewClientWithResponses(os.Getenv("URL"))
	if err != nil {
		return err
	}
	at := as(os.Getenv("ACCESS_TOKEN"))

	input := latchkey.TokenInput{Name: "production-app", RemainQuota: new(int64(5000)), ModelLimitsEnabled: new(true), Models: new(latchkey.TokenInput_Models)}
	if err := input.Models.FromTokenInputModels0([]string{"gpt-4o"}); err != nil {
		return err
	}
	created, err := client.CreateWithResponse(ctx, nil, input, at)
	if err != nil || created.JSON201 == nil {
		return fmt.Errorf("create: %s", reason(err, created))
	}
	made := created.JSON201.Data
	if !strings.HasPrefix(made.Key, "sk-") || made.RemainQuota != 5000 || !slices.Equal(made.Models, []string{"gpt-4o"}) {
		return fmt.Errorf("create: got %d units and the models %q", made.RemainQuota, made.Models)
	}

	listed, err := client.ListWithResponse(ctx, &latchkey.ListParams{Ps: new(20)}, at)
	if err != nil || listed.JSON200 == nil {
		return fmt.Errorf("list: %s", reason(err, listed))
	}
	if page := listed.JSON200.Data; page.PageSize != 20 || page.Items[0].Id != made.Id {
		return fmt.Errorf("list: got %d on a page, and the newest is %d", page.PageSize, page.Items[0].Id)
	}

	got, err := client.GetWithResponse(ctx, made.Id, at)
	if err != nil || got.JSON200 == nil {
		return fmt.Errorf("get: %s", reason(err, got))
	}
	if shown := got.JSON200.Data; shown.Key == made.Key || shown.Name != "production-app" || shown.ExpiredTime != -1 {
		return fmt.Errorf("get: got the name %q", shown.Name)
	}

	updated, err := client.UpdateWithResponse(ctx, nil, latchkey.UpdateInput{Id: made.Id, Name: new("renamed"), RemainQuota: new(int64(most))}, at)
	if err != nil || updated.JSON200 == nil {
		return fmt.Errorf("update: %s", reason(err, updated))
	}
	if changed := updated.JSON200.Data; changed.Name != "renamed" || changed.RemainQuota != most {
		return fmt.Errorf("update: got the name %q and %d units", changed.Name, changed.RemainQuota)
	}

	verified, err := client.VerifyWithResponse(ctx, latchkey.VerifyInput{Model: new("gpt-4o"), Quota: new(int64(7))}, as(made.Key))
	if err != nil || verified.JSON200 == nil {
		return fmt.Errorf("verify: %s", reason(err, verified))
	}
	if v := verified.JSON200.Data; !v.Valid || *v.RemainQuota != most-7 {
		return fmt.Errorf("verify: got %t and %d units", v.Valid, *v.RemainQuota)
	}
	refused, err := client.VerifyWithResponse(ctx, latchkey.VerifyInput{Model: new("o9")}, as(made.Key))
	if err != nil || refused.JSON200 == nil {
		return fmt.Errorf("verify another model: %s", reason(err, refused))
	}
	if v := refused.JSON200.Data; v.Valid || v.Code != latchkey.VerdictCodeModelNotAllowed {
		return fmt.Errorf("verify another model: got %t and %q", v.Valid, v.Code)
	}

	bad, err := client.CreateWithResponse(ctx, nil, latchkey.TokenInput{Name: "late", ExpiredTime: new(int64(1))}, at)
	if err != nil || bad.JSON400 == nil {
		return fmt.Errorf("create an expired token: %s", reason(err, bad))
	}
	if f := *bad.JSON400; f.Code != latchkey.CodeInvalidParameter || !strings.HasPrefix(f.Message, "expired_time is in the past") {
		return fmt.Errorf("create an expired token: got %s %q", f.Code, f.Message)
	}

	deleted, err := client.DeleteWithResponse(ctx, made.Id, nil, at)
	if err != nil || deleted.JSON200 == nil {
		return fmt.Errorf("delete: %s", reason(err, deleted))
	}
	gone, err := client.GetWithResponse(ctx, made.Id, at)
	if err != nil || gone.JSON404 == nil || gone.JSON404.Code != latchkey.CodeTokenNotFound {
		return fmt.Errorf("get after delete: %s", reason(err, gone))
	}
	return nil
}

func as(credential string) latchkey.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+credential)
		return nil
	}
}

// reason says why a call has no answer as the document describes it.
func reason(err error, r interface{ Status() string }) string {
	if err != nil {
		return err.Error()
	}
	return "status " + r.Status()
}
