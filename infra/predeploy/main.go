// Command predeploy is what `make deploy` and `make destroy` run before cdk. It
// refuses to deploy a stage to another account, region or table than before, and to
// delete one elsewhere.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/latchkey-api/latchkey/infra/stages"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("predeploy", flag.ContinueOnError)
	stage := flags.String("stage", "", "the `stage` to deploy")
	file := flags.String("stages", "infra/stages.json", "the `file` with the settings of the stages")
	allow := flags.String("allow", "", "what would be refused otherwise: account, table, or both")
	destroy := flags.Bool("destroy", false, "the stage is about to be deleted: its table does not matter")
	cdkFlags := flags.String("cdk-flags", "", "the `flags` that cdk gets after this check")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if strings.Contains(*cdkFlags, "--profile") {
		return errors.New("CDK_FLAGS has --profile, so cdk would use other credentials than this check: set AWS_PROFILE instead")
	}
	allowed, err := stages.ParseAllowed(*allow)
	if err != nil {
		return err
	}
	all, err := stages.Read(*file)
	if err != nil {
		return err
	}
	settings, ok := all[*stage]
	if !ok {
		return fmt.Errorf("unknown stage %q: use one of %s", *stage, strings.Join(stages.Names(), ", "))
	}
	aws, err := connect(ctx, settings, getenv, allowed)
	if err != nil {
		return err
	}
	account, err := aws.account(ctx)
	if err != nil {
		return err
	}
	if err := checkPlace(*stage, settings, account, aws.region, allowed); err != nil {
		return err
	}
	if *destroy {
		_, err = fmt.Fprintf(stdout, "Deleting stage %s of account %s, region %s.\n", *stage, account, aws.region)
		return err
	}
	deployed, err := aws.tables(ctx, "Latchkey-"+*stage)
	if err != nil {
		return err
	}
	if err := checkTable(*stage, settings, deployed, allowed); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Deploying stage %s to account %s, region %s.\n", *stage, account, aws.region)
	return err
}
