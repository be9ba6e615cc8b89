// The command kubernetes-validation says of StatefulSets what an API server says when they are created, as far as that
// depends on nothing but the object: strict decoding, defaults and validation, by Kubernetes' own code.
//
// Standard input holds StatefulSets as JSON, one after the other. For each, one line is written to standard output: a
// JSON object with its errors and its warnings.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
)

type problem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

type verdict struct {
	Errors   []problem `json:"errors"`
	Warnings []string  `json:"warnings"`
}

func main() {
	// As the API servers of most clusters are run: with --allow-privileged.
	capabilities.Initialize(capabilities.Capabilities{AllowPrivileged: true})
	// What it would log of objects that it refuses, the verdict says.
	klog.SetLogger(klog.Logger{})
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kubernetes-validation:", err)
		os.Exit(1)
	}
}

func run(input io.Reader, output io.Writer) error {
	documents := json.NewDecoder(bufio.NewReader(input))
	verdicts := json.NewEncoder(output)
	decoder := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()
	for {
		var document json.RawMessage
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := verdicts.Encode(judge(decoder, document)); err != nil {
			return err
		}
	}
}

func judge(decoder runtime.Decoder, document []byte) verdict {
	// Lists, not null, where there is nothing to say.
	said := verdict{Errors: []problem{}, Warnings: []string{}}
	object, _, err := decoder.Decode(document, nil, nil)
	if err != nil {
		said.Errors = append(said.Errors, problem{Message: err.Error()})
		return said
	}
	ctx := context.Background()
	strategy := statefulset.Strategy
	strategy.PrepareForCreate(ctx, object)
	for _, err := range strategy.Validate(ctx, object) {
		said.Errors = append(said.Errors, problem{Field: err.Field, Message: err.ErrorBody()})
	}
	said.Warnings = append(said.Warnings, strategy.WarningsOnCreate(ctx, object)...)
	return said
}
