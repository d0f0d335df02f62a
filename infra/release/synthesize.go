package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// synthesize writes the templates of all stages to a new folder, which it returns.
// They have the flags of infra/cdk.json and none of an operator's settings: no
// stages.json, account or region.
func synthesize(build string) (folder string, err error) {
	if folder, err = os.MkdirTemp("", "latchkey-release-"); err != nil {
		return "", err
	}
	settings := filepath.Join(folder, "stages.json")
	if err := os.WriteFile(settings, []byte("{}"), 0o600); err != nil {
		return folder, err
	}
	context, err := contextOf("infra/cdk.json", build, settings)
	if err != nil {
		return folder, err
	}
	command := exec.Command("go", "run", "./infra") //nolint:noctx // ends by itself
	command.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "CDK_") || strings.HasPrefix(variable, "STAGE=")
	}), "CDK_OUTDIR="+folder, "CDK_CONTEXT_JSON="+context)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return folder, fmt.Errorf("synthesize the templates: %w", err)
	}
	return folder, nil
}

// contextOf returns the context that the cdk command would pass to the app.
func contextOf(file, build, settings string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // a file of the project
	if err != nil {
		return "", err
	}
	var config struct{ Context map[string]any }
	if err := json.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if config.Context["build"], err = filepath.Abs(build); err != nil {
		return "", err
	}
	config.Context["stages"] = settings
	context, err := json.Marshal(config.Context)
	return string(context), err
}
