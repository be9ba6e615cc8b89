package main

import (
	"encoding/json"
	"fmt"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// Reads strictly, as an API server is asked to by kubectl.
var codecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

// Two forms of an object that an API server was given.
type forms struct {
	// Why there are none.
	Error string `json:"error,omitempty"`
	// The object with its defaults.
	Defaulted json.RawMessage `json:"defaulted,omitempty"`
	// The object as an API server stores and prints it: it went through the internal types.
	Printed json.RawMessage `json:"printed,omitempty"`
}

func formsOf(document []byte) forms {
	written, err := formsOrError(document)
	if err != nil {
		return forms{Error: err.Error()}
	}
	return written
}

func formsOrError(document []byte) (forms, error) {
	object, kind, err := codecs.UniversalDeserializer().Decode(document, nil, nil)
	if err != nil {
		return forms{}, err
	}
	legacyscheme.Scheme.Default(object)
	defaulted, err := json.Marshal(object)
	if err != nil {
		return forms{}, err
	}
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
	if err != nil {
		return forms{}, err
	}
	printed, err := runtime.Encode(codecs.LegacyCodec(kind.GroupVersion()), internal)
	if err != nil {
		return forms{}, err
	}
	return forms{Defaulted: defaulted, Printed: printed}, nil
}

// Whether two objects are the same to Kubernetes.
type sameness struct {
	// Why that is unknown.
	Error string `json:"error,omitempty"`
	Equal bool   `json:"equal"`
}

func compare(document []byte) sameness {
	equal, err := compareOrError(document)
	if err != nil {
		return sameness{Error: err.Error()}
	}
	return sameness{Equal: equal}
}

// Compares a pair of objects by what an API server makes of them, but for their status.
func compareOrError(document []byte) (bool, error) {
	var pair []json.RawMessage
	if err := json.Unmarshal(document, &pair); err != nil {
		return false, err
	}
	if len(pair) != 2 {
		return false, fmt.Errorf("a pair is expected, not %d objects", len(pair))
	}
	decoder := codecs.UniversalDecoder()
	var objects [2]runtime.Object
	for i := range pair {
		// A status is not desired by anybody.
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(pair[i], &fields); err != nil {
			return false, err
		}
		delete(fields, "status")
		document, err := json.Marshal(fields)
		if err != nil {
			return false, err
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return false, err
		}
		accessor, err := meta.Accessor(object)
		if err != nil {
			return false, err
		}
		// What says which object it is, and what the API server keeps of it.
		accessor.SetName("")
		accessor.SetNamespace("")
		accessor.SetUID("")
		accessor.SetResourceVersion("")
		accessor.SetGeneration(0)
		accessor.SetCreationTimestamp(metav1.Time{})
		accessor.SetManagedFields(nil)
		accessor.SetSelfLink("")
		object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		objects[i] = object
	}
	return apiequality.Semantic.DeepEqual(objects[0], objects[1]), nil
}
