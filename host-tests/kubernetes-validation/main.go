// The command kubernetes-validation reports what an API server does with objects when they are created, as far as that
// depends on nothing but the object: strict decoding, defaults and validation, by Kubernetes' own code.
//
// Standard input holds JSON values, one after the other. For each, one line is written to standard output:
//
//	kubernetes-validation            the errors and the warnings of an object
//	kubernetes-validation default    an object with its defaults, and as an API server prints it
//	kubernetes-validation equal      whether the two objects of a pair are equal once they have their defaults
//
// "kubernetes-validation types" reads nothing and writes a table of the types of Kubernetes' API.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	genericvalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
)

// What an API server does with each kind. Services are left out: theirs are validated after addresses were allocated.
var strategies = map[schema.GroupKind]rest.RESTCreateStrategy{
	{Group: "apps", Kind: "StatefulSet"}:                statefulset.Strategy,
	{Group: "batch", Kind: "CronJob"}:                   cronjob.Strategy,
	{Group: "", Kind: "ConfigMap"}:                      configmap.Strategy,
	{Group: "", Kind: "PersistentVolumeClaim"}:          persistentvolumeclaim.Strategy,
	{Group: "", Kind: "ServiceAccount"}:                 serviceaccount.Strategy,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: networkpolicy.Strategy,
	{Group: "policy", Kind: "PodDisruptionBudget"}:      poddisruptionbudget.Strategy,
}

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
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kubernetes-validation:", err)
		os.Exit(1)
	}
}

func run(args []string, input io.Reader, output io.Writer) error {
	decoder := codecs.UniversalDecoder()
	var answer func(document []byte) any
	switch mode := strings.Join(args, " "); mode {
	case "":
		answer = func(document []byte) any { return judge(decoder, document) }
	case "default":
		answer = func(document []byte) any { return formsOf(document) }
	case "equal":
		answer = func(document []byte) any { return compare(document) }
	case "types":
		return writeTypes(output)
	default:
		return fmt.Errorf("%q: expected nothing, default, equal or types", mode)
	}
	documents := json.NewDecoder(bufio.NewReader(input))
	answers := json.NewEncoder(output)
	for {
		var document json.RawMessage
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(answer(document)); err != nil {
			return err
		}
	}
}

func judge(decoder runtime.Decoder, document []byte) verdict {
	// Lists, not null, where there is nothing to say.
	said := verdict{Errors: []problem{}, Warnings: []string{}}
	object, kind, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return said.refuse("", err.Error())
	}
	strategy, known := strategies[kind.GroupKind()]
	if !known {
		return said.refuse("", fmt.Sprintf("%s has no strategy here", kind))
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return said.refuse("", err.Error())
	}
	ctx := context.Background()
	strategy.PrepareForCreate(ctx, object)
	errs := strategy.Validate(ctx, object)
	// What rest.BeforeCreate adds for objects of all kinds.
	errs = append(errs, genericvalidation.ValidateObjectMetaAccessor(
		accessor, strategy.NamespaceScoped(), genericvalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
	for _, err := range errs {
		said = said.refuse(err.Field, err.ErrorBody())
	}
	said.Warnings = append(said.Warnings, strategy.WarningsOnCreate(ctx, object)...)
	return said
}

func (said verdict) refuse(field, message string) verdict {
	said.Errors = append(said.Errors, problem{Field: field, Message: message})
	return said
}
