from .constructs.bucket import DataBucket as DataBucket
from .constructs.job import ProcessingJob as ProcessingJob
from .constructs.platform import ProcessingPlatform as ProcessingPlatform
from .constructs.triggers.object_created import OnObjectCreated as OnObjectCreated
from .constructs.triggers.schedule import OnSchedule as OnSchedule
from .errors import CdkProcessingError as CdkProcessingError
from .errors import DeclarationError as DeclarationError
from .errors import RunTimeValueError as RunTimeValueError
from .request.channels import ProcessingInput as ProcessingInput
from .request.channels import ProcessingOutput as ProcessingOutput
from .request.images import ProcessingImage as ProcessingImage
from .request.location import S3Location as S3Location
from .request.network import NetworkConfig as NetworkConfig
from .request.processors import Processor as Processor
from .request.processors import ScriptProcessor as ScriptProcessor
from .request.processors import SKLearnProcessor as SKLearnProcessor
from .request.request import ProcessingRequest as ProcessingRequest
from .request.runtime import ExecutionVariables as ExecutionVariables
from .request.runtime import Parameter as Parameter

__version__: str
