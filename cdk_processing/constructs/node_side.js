"use strict";
/*
 * The part of this library that runs in the CDK's Node.js process; node_side.py loads it.
 *
 * jsii sends each nested value of an argument on its own, with its type, and checks it again on this side. Here the
 * properties of a resource are one text of JSON, and what has to be asked of many resources is asked in one call.
 */
const cdk = require("aws-cdk-lib");

// Documents in a language of their own: their names stay as they are.
const DOCUMENTS = new Set(["AssumeRolePolicyDocument", "CostFilters", "EventPattern", "KeyPolicy", "PolicyDocument"]);
const CAPITALS = /^(?:[A-Z]+(?![a-z])|[A-Z])/;

const classes = new Map();
const camelNames = new Map();

function remembered(known, key, make) {
  if (!known.has(key)) known.set(key, make(key));
  return known.get(key);
}

/** The typed class of a CloudFormation type: CfnRole of AWS::IAM::Role. */
function classOf(kind) {
  return remembered(classes, kind, () => {
    const [, service, resource] = kind.split("::");
    return cdk[`aws_${service.toLowerCase()}`][`Cfn${resource}`];
  });
}

/** PolicyName as policyName, and SSEType as sseType. */
function camelName(name) {
  return remembered(camelNames, name, () => name.replace(CAPITALS, (capitals) => capitals.toLowerCase()));
}

/** A template's value in the words of the typed classes, which take intrinsic functions as tokens only. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value);
  if (names.length === 1 && (names[0].startsWith("Fn::") || names[0] === "Ref")) return cdk.Token.asString(value);
  return Object.fromEntries(names.map((name) => [camelName(name), property(name, value[name])]));
}

function property(name, value) {
  return DOCUMENTS.has(name) ? value : camel(value);
}

class Resources {
  /** Make a typed resource; returns it and, where a name is given, an attribute of it, or "ref". */
  static create(scope, id, kind, properties, attribute, isDefaultChild) {
    const made = new (classOf(kind))(scope, id, camel(JSON.parse(properties)));
    if (isDefaultChild) scope.node.defaultChild = made;
    return attribute ? [made, made[attribute]] : [made];
  }

  /** Set properties and metadata of resources; returns the properties as they are read again, as JSON. */
  static write(resources, changes) {
    return JSON.stringify(JSON.parse(changes).map(({ properties, metadata }, index) => {
      const resource = resources[index];
      for (const [key, value] of Object.entries(metadata)) resource.addMetadata(key, value);
      return Object.entries(properties).map(([name, value]) => {
        resource[camelName(name)] = property(name, value);
        return resource[camelName(name)];
      });
    }));
  }

  /** A property of each resource as it is now, as JSON; what the CDK resolves later is a text that says so. */
  static read(resources, names) {
    return JSON.stringify(JSON.parse(names).map((name, index) => {
      const resource = resources[index];
      return (name === "Tags" ? resource.tags.renderTags() : resource[camelName(name)]) ?? null;
    }));
  }
}

exports.Resources = Resources;
